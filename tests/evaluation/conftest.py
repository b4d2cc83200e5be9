"""The real model over the real stamps, encoded once for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from core.domain.types import Vectors
from core.encoder.load import TransformersEncoder, load_encoder
from core.encoder.mini.assemble import mini_folder
from core.encoder.mini.split import is_held_out
from core.images.resize import fit_pixels
from index.demo.packages import fetch_debian
from recipes.mini.sources import STAMPS, stamp_caption
from tests.evaluation.texts import Texts

CACHE = Path(__file__).resolve().parents[2] / ".cache"


@dataclass(frozen=True)
class Stamps:
    """Tux Paint's bitmaps with a caption; ``vectors`` float32 [n, 576] in the same order."""

    paths: tuple[str, ...]
    captions: tuple[str, ...]
    vectors: Vectors


@pytest.fixture(scope="session")
def packages() -> Path:
    """Where fetched packages are kept between runs."""
    return CACHE


@pytest.fixture(scope="session")
def mini() -> TransformersEncoder:
    """The embedded model, assembled, exported and loaded as the product does it.

    On one thread: two that wait for each other on busy cores were up to 13 times slower.
    """
    folder = mini_folder(CACHE / "models")
    return load_encoder(
        str(folder),
        name="mini",
        device="cpu",
        backend="onnx",
        precision="float32",
        threads=1,
        exports=CACHE / "encoder",
    )


@pytest.fixture(scope="session")
def stamps(
    mini: TransformersEncoder, packages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Stamps:
    """All stamps through the model's image tower, once for all workers of a run."""
    folder = fetch_debian("tuxpaint-stamps-default", packages) / STAMPS
    files = [path for path in sorted(folder.rglob("*.png")) if stamp_caption(path)]
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    kept = shared / "stamps.npy"
    with FileLock(shared / "stamps.lock"):
        if not kept.exists():
            np.save(kept, encoded(mini, files))
    return Stamps(
        paths=tuple(path.relative_to(folder).as_posix() for path in files),
        captions=tuple(stamp_caption(path) for path in files),
        vectors=np.load(kept),
    )


def encoded(mini: TransformersEncoder, files: Sequence[Path]) -> Vectors:
    """Vectors of picture files, float32 [n, 576]; one at a time is fastest on a CPU."""
    rows = []
    for file in files:
        with Image.open(file) as image:
            rows.append(mini.encode_images(fit_pixels(image, mini.pixel_spec)[None])[0])
    return np.stack(rows)


@pytest.fixture(scope="session")
def held_out_rows(stamps: Stamps) -> list[int]:
    """The rows of the stamps whose captions were kept from training."""
    return [row for row, caption in enumerate(stamps.captions) if is_held_out(caption)]


@pytest.fixture(scope="session")
def texts(mini: TransformersEncoder) -> Texts:
    """Vectors of captions and queries."""
    return Texts(mini)
