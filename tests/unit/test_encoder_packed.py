"""Texts of mixed lengths in one row of torch's tower: each is as if it had been alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.embedding import BatchedEmbedder
from core.encoder import TransformersEncoder, load_encoder
from core.packed_texts import PackedTexts
from core.torch_towers import TorchTowers
from core.types import Vectors
from tests.checkpoints import tiny_clip, tiny_siglip
from tests.fakes import FakeEncoder

TEXTS = [
    "",
    "fruit",
    "a small dog <|endoftext|> that is no more than its name",
    *(f"{'very ' * number}old map of the harbour" for number in range(0, 30, 3)),
    "far " * 100 + "too long",
]
BATCHES = (2, 5, len(TEXTS))


def loaded(folder: Path) -> TransformersEncoder:
    """On one thread of the CPU, in float32."""
    return load_encoder(str(folder), device="cpu", precision="float32", threads=1)


def alone(encoder: TransformersEncoder) -> Vectors:
    """Each text in a call of its own, where nothing can be packed."""
    return np.concatenate([encoder.encode_texts([text]) for text in TEXTS])


def towers_of(encoder: TransformersEncoder) -> TorchTowers:
    """What it computes with."""
    towers = encoder._towers
    assert isinstance(towers, TorchTowers)
    return towers


@pytest.mark.parametrize("end", [49407, 2])
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
    assert towers_of(encoder)._packing_was_seen
    assert encoder.packs_texts


class Wrong(PackedTexts):
    """Pools every text at another token than the model does."""

    def _ends(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(ids), dtype=torch.int64)


class Strange(PackedTexts):
    """For a model that has not the parts it is made of."""

    def features(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What another release of transformers might come to."""
        raise AttributeError(f"token_embedding of {ids.shape} and {mask.shape}")


@pytest.mark.parametrize("packing", [Wrong, Strange])
def test_packing_that_fails_is_given_up(tmp_path: Path, packing: type[PackedTexts]) -> None:
    """The model itself is asked before a packed vector is believed; nobody gets a wrong one."""
    encoder = loaded(tiny_clip(tmp_path / "model"))
    towers = towers_of(encoder)
    towers._packed, towers._packing_was_seen = packing(towers._model), False
    expected = alone(encoder)
    for _ in range(2):
        np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=2e-6)
    assert not encoder.packs_texts


def test_many_long_texts_are_padded(tmp_path: Path) -> None:
    """In one row every token would be compared with all others: more work than padding is."""
    packed = towers_of(loaded(tiny_clip(tmp_path / "model")))._packed
    assert packed is not None

    def gains(*lengths: int) -> bool:
        mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
        return packed.gains({"input_ids": mask.astype(int), "attention_mask": mask.astype(int)})

    assert gains(5, 9, 30)
    assert not gains(9, 9, 9)
    assert not gains(*[77] * 31, 60)
    assert not packed.gains({"input_ids": np.ones((2, 3), int)})


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
