"""CLIP's towers without what nobody looks at: less work, and the model's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModel,
    BertConfig,
    CLIPVisionConfig,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
    ViTConfig,
)
from transformers.models.clip.modeling_clip import CLIPEncoderLayer

from core.encoder.backends.base import Inputs
from core.encoder.backends.clip import ClipPictures, ClipTexts
from core.encoder.backends.sequence_packing import IDS, MASK, TextPacking
from core.encoder.backends.torch import TextTower, text_tower
from core.encoder.build import STEPS, Steps
from core.encoder.load import TransformersEncoder, load_encoder
from tests.checkpoints import EDGE, tiny_align, tiny_chinese_clip, tiny_clip, tiny_dual, tiny_siglip

pytestmark = pytest.mark.model

PIXELS = np.random.default_rng(2).integers(0, 256, (5, EDGE, EDGE, 3), dtype=np.uint8)
_TOWER = {
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_EYE = {**_TOWER, "image_size": EDGE, "patch_size": 8}


def of(folder: Path) -> Any:
    """The model as transformers loads it."""
    return AutoModel.from_pretrained(folder).eval()


def dual(vision: Any) -> Any:
    """Two towers of different families, with weights that tell inputs apart."""
    config = VisionTextDualEncoderConfig.from_vision_text_configs(
        vision, BertConfig(**_TOWER, vocab_size=40), projection_dim=40
    )
    model = VisionTextDualEncoderModel(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            fan = weight[0].numel() if weight.ndim > 1 else 1
            weight.copy_(torch.randn(weight.shape, generator=generator) / fan**0.5)
    return model


MODELS: dict[str, Callable[[Path], Any]] = {
    "clip": lambda folder: of(tiny_clip(folder)),
    "chinese_clip": lambda folder: of(tiny_chinese_clip(folder)),
    "dual with CLIP": lambda _: dual(CLIPVisionConfig(**_EYE)),
}
OTHERS: dict[str, Callable[[Path], Any]] = {
    "siglip": lambda folder: of(tiny_siglip(folder)),
    "align": lambda folder: of(tiny_align(folder)),
    "dual": lambda folder: of(tiny_dual(folder)),
    "dual with ViT": lambda _: dual(ViTConfig(**_EYE)),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that nobody changes."""
    return tiny_clip(tmp_path_factory.mktemp("checkpoint") / "model")


@pytest.mark.parametrize("kind", MODELS)
def test_pictures_come_to_what_the_model_makes_of_them(tmp_path: Path, kind: str) -> None:
    """To the rounding of float32, one alone and several at once."""
    model = MODELS[kind](tmp_path / "model")
    tower = ClipPictures.of(model, EDGE, EDGE)
    assert tower is not None
    for count in (1, 5):
        values = torch.randn(count, 3, EDGE, EDGE, generator=torch.Generator().manual_seed(count))
        with torch.no_grad():
            whole = model.get_image_features(pixel_values=values).pooler_output
            torch.testing.assert_close(tower(values), whole, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("kind", OTHERS)
def test_models_of_another_make_are_left_alone(tmp_path: Path, kind: str) -> None:
    """Their towers pool otherwise: by attention, by an average, behind another norm."""
    model = OTHERS[kind](tmp_path / "model")
    assert ClipPictures.of(model, EDGE, EDGE) is None
    assert ClipTexts.of(model) is None


def arrays_of(*lengths: int) -> Inputs:
    """Token ids of texts of so many tokens, and their mask."""
    return TextPacking(49407).probe(lengths, 49408, 77)


@pytest.mark.parametrize("lengths", [(7,), (3, 9, 2, 77), (5, 5, 5), tuple(range(2, 60, 3))])
def test_texts_come_to_what_the_model_makes_of_them(clip: Path, lengths: tuple[int, ...]) -> None:
    """Alone and in company, packed (also into several rows) and padded."""
    model = of(clip)
    tower = ClipTexts.of(model)
    assert tower is not None
    arrays = arrays_of(*lengths)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        whole = model.get_text_features(**tensors).pooler_output
        for step in (1, 16):
            rows = tower.packing.pack(arrays, step)
            packed = torch.cat([tower(*map(torch.from_numpy, row.values())) for row in rows])
            torch.testing.assert_close(packed, whole, rtol=1e-4, atol=2e-5)
        torch.testing.assert_close(tower.padded(tensors[IDS]), whole, rtol=1e-4, atol=2e-5)


def work(run: Callable[[], object]) -> int:
    """Multiplications and additions, as torch counts them."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        run()
    return counter.get_total_flops()


def test_the_last_layer_is_for_one_token_alone(clip: Path) -> None:
    """Of towers of two layers nearly half of the work is gone, of texts padding besides."""
    model = of(clip)
    pictures, texts = ClipPictures.of(model, EDGE, EDGE), ClipTexts.of(model)
    assert pictures is not None
    assert texts is not None
    values = torch.zeros(4, 3, EDGE, EDGE)
    whole = work(lambda: model.get_image_features(pixel_values=values))
    assert work(lambda: pictures(values)) < 0.7 * whole
    arrays = arrays_of(20, 20, 20)
    ids = torch.from_numpy(arrays[IDS])
    whole = work(lambda: model.get_text_features(input_ids=ids))
    assert work(lambda: texts.padded(ids)) < 0.6 * whole
    (row,) = texts.packing.pack(arrays_of(40, 5, 15))
    assert work(lambda: texts(*map(torch.from_numpy, row.values()))) < 0.6 * whole


class Halving(CLIPEncoderLayer):
    """What another release of transformers might come to: the same parts, another sum."""

    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Half of the last layer's states."""
        found: torch.Tensor = super().forward(*args, **kwargs)
        return torch.cat([found[..., :8] / 2, found[..., 8:]], dim=-1)


def strange(model: Any, side: str) -> Any:
    """The model with another last layer in one of its towers."""
    tower = getattr(model, side)
    layer = Halving(tower.config).eval()
    layer.load_state_dict(tower.encoder.layers[-1].state_dict())
    tower.encoder.layers[-1] = layer
    return model


def test_a_model_that_does_otherwise_runs_as_it_is(clip: Path) -> None:
    """The model itself is asked before anything is left out; nobody gets a wrong vector."""
    plain = loaded(clip)
    for side in ("vision_model", "text_model"):
        model = strange(of(clip), side)
        assert (ClipPictures.of(model, EDGE, EDGE) is None) == (side == "vision_model")
        assert (ClipTexts.of(model) is None) == (side == "text_model")
        encoder = loaded(clip, Steps(load=lambda *_, model=model: model))
        assert encoder.packs_texts == (side == "vision_model")
        model.eval()
        with torch.no_grad():
            arrays = {name: torch.from_numpy(array) for name, array in arrays_of(4, 7).items()}
            texts = model.get_text_features(**arrays).pooler_output
        towers = encoder._towers
        found = towers.gather([towers.texts({k: v.numpy() for k, v in arrays.items()})])
        np.testing.assert_allclose(found, torch.nn.functional.normalize(texts), atol=2e-6)
        same = np.allclose(encoder.encode_images(PIXELS), plain.encode_images(PIXELS), atol=1e-3)
        assert same == (side == "text_model")


def loaded(folder: Path, steps: Steps = STEPS) -> TransformersEncoder:
    """On one thread of the CPU, in float32."""
    return load_encoder(str(folder), device="cpu", precision="float32", threads=1, steps=steps)


def test_texts_padded_in_front_are_exported_as_they_are(clip: Path) -> None:
    """CLIP counts positions from the padding then: only the model itself knows what it means."""
    model = of(clip)
    arrays = arrays_of(3, 6)
    tower, inputs, packing = text_tower(model, arrays)
    assert isinstance(tower, ClipTexts)
    assert packing is not None
    assert list(inputs) == ["ids", "places", "texts", "ends"]
    in_front = {name: np.ascontiguousarray(array[:, ::-1]) for name, array in arrays.items()}
    tower, inputs, packing = text_tower(model, in_front)
    assert isinstance(tower, TextTower)
    assert inputs is in_front
    assert packing is None
    assert not TextPacking(49407).knows({IDS: arrays[IDS]})
    no_end = {IDS: np.array([[1, 2, 3]]), MASK: np.array([[1, 1, 0]])}
    assert not TextPacking(2).knows(no_end)
