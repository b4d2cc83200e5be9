"""The recipes' pictures: encoded as a search does, and once for all heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from core.domain.types import PixelBatch
from core.encoder.load import load_encoder
from core.training.feature_cache import FeatureCache
from recipes.kept_pictures import KeptPictures
from tests.checkpoints import EDGE, tiny_dual

pytestmark = pytest.mark.model

KEYS = tuple("abcdefg")


def pixels(number: int) -> PixelBatch:
    """Two views of a picture, noise of its own."""
    noise = np.random.default_rng(number)
    return noise.integers(0, 256, (2, EDGE, EDGE, 3), dtype=np.uint8)


def test_kept_pictures_have_the_encoders_vectors_and_another_head_costs_no_pass(
    tmp_path: Path,
) -> None:
    """Vectors are those of the model itself; what its tower says is asked once."""
    folder = tiny_dual(tmp_path / "model")
    with FeatureCache(tmp_path / "cache") as cache:
        for round_ in range(2):
            opened: list[int] = []

            def look(number: int, opened: list[int] = opened) -> PixelBatch:
                opened.append(number)
                return pixels(number)

            found = KeptPictures(folder, cache).vectors("noise", KEYS, look, group=3)

            encoder = load_encoder(str(folder), device="cpu")
            right = [encoder.encode_images(pixels(number)) for number in range(len(KEYS))]
            assert np.allclose(found, np.stack(right), atol=1e-5)
            assert opened == ([] if round_ else list(range(len(KEYS))))

            weights = load_file(folder / "model.safetensors")
            weights["visual_projection.weight"] *= -1
            save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        some = weights["vision_model.layernorm.bias"]
        some += 1
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        KeptPictures(folder, cache).vectors("noise", KEYS, look, group=3)
        assert opened == list(range(len(KEYS))), "another tower is asked anew"
