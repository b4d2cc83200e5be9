"""Texts of mixed lengths in one row: each is as if it had been alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.domain.types import Vectors
from core.encoder.backends.sequence_packing import TextPacking
from core.encoder.embedder import BatchedEmbedder
from core.encoder.load import TransformersEncoder, load_encoder
from tests.checkpoints import tiny_clip, tiny_siglip
from tests.fakes import FakeEncoder

pytestmark = pytest.mark.model

TEXTS = [
    "",
    "fruit",
    "a small dog <|endoftext|> that is no more than its name",
    *(f"{'very ' * number}old map of the harbour" for number in range(0, 30, 3)),
    "far " * 100 + "too long",
]
BATCHES = (2, 5, len(TEXTS))
END = 49407


def loaded(folder: Path) -> TransformersEncoder:
    """On one thread of the CPU, in float32."""
    return load_encoder(str(folder), device="cpu", precision="float32", threads=1)


def alone(encoder: TransformersEncoder) -> Vectors:
    """Each text in a call of its own, where nothing can be packed."""
    return np.concatenate([encoder.encode_texts([text]) for text in TEXTS])


@pytest.mark.parametrize("end", [END, 2])
def test_company_changes_no_vector(tmp_path: Path, end: int) -> None:
    """Whatever lengths share a row, also where CLIP's first checkpoints name another end."""
    folder = tiny_clip(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["text_config"]["eos_token_id"] = end
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    encoder = loaded(folder)
    expected = alone(encoder)
    for size in BATCHES:
        found = encoder.encode_texts(TEXTS[:size])
        np.testing.assert_allclose(found, expected[:size], atol=2e-6)
    assert encoder.packs_texts


def split(*lengths: int, step: int = 1) -> list[dict[str, NDArray[np.int64]]]:
    """The rows of texts of so many tokens, numbered through."""
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    ids = np.where(mask, np.cumsum(mask).reshape(mask.shape), 0)
    arrays = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
    return list(TextPacking(END).pack(arrays, step))


def test_rows_are_few_and_of_like_length() -> None:
    """Each row reads all weights once; and compares each of its tokens with all others."""
    assert [len(row["ids"]) for row in split(*[9] * 32)] == [288]
    assert [len(row["ids"]) for row in split(*[10] * 34)] == [170, 170]
    assert [len(row["ids"]) for row in split(77, 77, 77, 77, 77)] == [154, 231]
    assert [len(row["ids"]) for row in split(200, 100, 300, 5)] == [300, 305]


@given(st.lists(st.integers(1, 90), min_size=1, max_size=40), st.sampled_from([1, 16]))
def test_every_token_is_in_one_row(lengths: list[int], step: int) -> None:
    """All of them, in their order and at their places; what is added belongs to no text."""
    rows = split(*lengths, step=step)
    own = [row["texts"] >= 0 for row in rows]
    assert all(len(mask) % step == 0 for mask in own)
    ids = np.concatenate([row["ids"][mask] for row, mask in zip(rows, own, strict=True)])
    np.testing.assert_array_equal(ids, np.arange(1, sum(lengths) + 1))
    places = np.concatenate([row["places"][mask] for row, mask in zip(rows, own, strict=True)])
    np.testing.assert_array_equal(places, np.concatenate([np.arange(n) for n in lengths]))
    found = [np.bincount(row["texts"][mask]) for row, mask in zip(rows, own, strict=True)]
    np.testing.assert_array_equal(np.concatenate(found), lengths)
    assert sum(len(row["ends"]) for row in rows) == len(lengths)


def test_other_models_are_padded(tmp_path: Path) -> None:
    """SigLIP sees what stands behind a text: only CLIP's tower is known to be packed."""
    assert not loaded(tiny_siglip(tmp_path / "model")).packs_texts


@pytest.mark.parametrize(("packs", "sizes"), [(False, [12, 12]), (True, [16, 8])])
async def test_packed_texts_go_in_the_order_they_came(*, packs: bool, sizes: list[int]) -> None:
    """Where lengths cost nothing nobody is overtaken; elsewhere like lengths go together."""
    encoder = FakeEncoder()
    texts = [f"{'red ' * (number * 7 % 11)}{number}" for number in range(24)]
    async with BatchedEmbedder(encoder, packs_texts=packs) as embedder:
        await asyncio.gather(*map(embedder.embed_text, texts))
    assert [size for _, size in encoder.batches] == sizes
    assert (encoder.texts == texts) is packs
