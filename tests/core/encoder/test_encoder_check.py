"""Eight-bit integers are looked at on the pictures that will be searched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.engine import encoder as encoding
from config.settings import Settings
from core.domain.errors import DamagedPicture, EncodingFailed
from core.domain.types import PixelBatch, Vectors
from tests.fakes import FakeEncoder, hashed_unit, picture_bytes
from tests.galleries import Gallery

FEWEST, SAMPLE = 12, 20
_SIZE = encoding.SampleSize(pictures=SAMPLE, fewest=FEWEST, batch=8)


class Strange(FakeEncoder):
    """An encoder that sees something else in every picture and text."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """By hash alone."""
        return np.stack([hashed_unit(f"!{text}".encode(), 32) for text in texts])

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """By hash alone."""
        return np.stack([hashed_unit(picture.tobytes(), 32) for picture in pixels])


async def gallery(home: Path, pictures: int) -> Gallery:
    """An indexed collection of so many pictures, all different."""
    made = Gallery(home)
    for number in range(pictures):
        colour = (number * 7 % 256, number * 31 % 256, number * 57 % 256)
        (made.pictures / f"thing {number}.png").write_bytes(picture_bytes(colour, number))
    await made.reindex()
    return made


def settings(made: Gallery, **encoder: str) -> Settings:
    """Of a program with this collection and an empty one."""
    empty = made.pictures.parent / "empty"
    empty.mkdir(exist_ok=True)
    return Settings.model_validate(
        {
            "data_dir": made.data,
            "collections": [
                {"name": "empty", "folder": empty},
                {"name": made.name, "folder": made.pictures},
            ],
            "encoder": encoder,
        }
    )


async def looked(made: Gallery, candidate: FakeEncoder) -> float:
    """What the check finds, called as the loading thread calls it."""
    sample = encoding._check_for(settings(made), made.catalogue, _SIZE)
    assert sample is not None
    check = sample.with_decoder(made.decoder, asyncio.get_running_loop())
    assert made.name in check.subject
    return await asyncio.to_thread(check.overlap, candidate, FakeEncoder())


async def test_a_sample_of_the_largest_collection_is_compared(tmp_path: Path) -> None:
    """Equal encoders agree on all of it, strangers on little; so many pictures, decoded apart."""
    made = await gallery(tmp_path, 30)
    made.decoder.decoded.clear()
    assert await looked(made, FakeEncoder()) == 1
    assert len(made.decoder.decoded) == SAMPLE
    assert await looked(made, Strange()) < 0.8


async def test_pictures_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    """As long as enough are left."""
    made = await gallery(tmp_path, 20)
    bad = sorted(path.name for path in made.pictures.iterdir())
    made.decoder.errors = dict.fromkeys(bad[:5], DamagedPicture("no"))
    assert await looked(made, FakeEncoder()) == 1
    made.decoder.errors = dict.fromkeys(bad[:9], DamagedPicture("no"))
    with pytest.raises(EncodingFailed, match="too few pictures"):
        await looked(made, FakeEncoder())


async def test_nothing_is_looked_at_in_vain(tmp_path: Path) -> None:
    """Only where int8 is possible, and the collection large enough to tell."""
    made = await gallery(tmp_path, FEWEST)
    asked = {
        ("auto", "auto"): True,
        ("openvino", "int8"): True,
        ("torch", "auto"): False,
        ("onnx", "auto"): False,
        ("auto", "bfloat16"): False,
    }
    for (backend, precision), expected in asked.items():
        wish = settings(made, backend=backend, precision=precision)
        assert (encoding._check_for(wish, made.catalogue, _SIZE) is not None) == expected
    (made.pictures / "thing 0.png").unlink()
    await made.reindex()
    assert encoding._check_for(settings(made), made.catalogue, _SIZE) is None
