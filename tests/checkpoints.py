"""Small dual encoders on disk, with random weights, as transformers would save them.

Each builder fills ``folder`` with what a hub repository holds (configuration, safetensors,
tokenizer, image preprocessing), in well under a second, and returns it. The same seed gives
the same bytes. Weights are drawn so that different inputs give clearly different vectors.
CLIP's vocabulary is the real one, cut from the file that the package open-clip-torch ships.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AlignConfig,
    AlignModel,
    BertConfig,
    ChineseCLIPConfig,
    ChineseCLIPModel,
    CLIPConfig,
    CLIPModel,
    EfficientNetConfig,
    PreTrainedModel,
    SiglipConfig,
    SiglipModel,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
    ViTConfig,
)

from core.encoder.mini.modeling import MiniConfig, MiniModel
from core.encoder.transformers_logging import quiet
from tests.vocabularies import (
    CLIP_TOKENS,
    bert_tokenizer,
    bert_vocabulary,
    clip_tokenizer,
    unigram,
    write_json,
)

EDGE = 32
"""Width and height in pixels of the pictures that these models take."""

_HALF = [0.5, 0.5, 0.5]
_OPENAI_MEAN = [0.48145466, 0.4578275, 0.40821073]
_OPENAI_STD = [0.26862954, 0.26130258, 0.27577711]
_TEMPERATURES = {"logit_scale": 2.5, "logit_bias": -9.0, "temperature": 0.05}
_TOWER = {
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def tiny_clip(folder: Path, *, seed: int = 0) -> Path:
    """A CLIP model with the real vocabulary; pictures scaled by the shorter edge and cropped.

    The preprocessing is written as OpenAI's own checkpoints have it: sizes as bare numbers.
    """
    ids = {"bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407}
    config = CLIPConfig(
        text_config={
            **_TOWER,
            **ids,
            "vocab_size": CLIP_TOKENS,
            "max_position_embeddings": 77,
            "projection_dim": 40,
        },
        vision_config={**_TOWER, "image_size": EDGE, "patch_size": 8, "projection_dim": 40},
        projection_dim=40,
    )
    model = CLIPModel(config)
    _draw(model, seed)
    _save(model, folder)
    write_json(
        folder / "preprocessor_config.json",
        {
            "crop_size": EDGE,
            "do_center_crop": True,
            "do_normalize": True,
            "do_resize": True,
            "feature_extractor_type": "CLIPFeatureExtractor",
            "image_mean": _OPENAI_MEAN,
            "image_std": _OPENAI_STD,
            "resample": 3,
            "size": EDGE,
        },
    )
    return clip_tokenizer(folder)


def tiny_siglip(folder: Path, *, seed: int = 0, masks: bool = False) -> Path:
    """A SigLIP model: pictures stretched, texts padded to 64 tokens, pooled at the last one.

    ``masks``: the tokenizer also returns attention masks, as that of SigLIP 2 does.
    """
    tokenizer = unigram()
    config = SiglipConfig(
        text_config={
            **_TOWER,
            "vocab_size": tokenizer.get_vocab_size(),
            "max_position_embeddings": 64,
            "projection_size": 48,
            "pad_token_id": 1,
            "bos_token_id": None,
            "eos_token_id": 1,
        },
        vision_config={**_TOWER, "image_size": EDGE, "patch_size": 8},
    )
    model = SiglipModel(config)
    _draw(model, seed)
    _save(model, folder)
    write_json(
        folder / "preprocessor_config.json",
        {
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": _HALF,
            "image_processor_type": "SiglipImageProcessor",
            "image_std": _HALF,
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"height": EDGE, "width": EDGE},
        },
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "eos_token": "</s>",
            "model_input_names": ["input_ids", "attention_mask"] if masks else ["input_ids"],
            "model_max_length": 64,
            "pad_token": "</s>",
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": "<unk>",
        },
    )
    return folder


def tiny_dual(folder: Path, *, seed: int = 0, fit: str | None = None) -> Path:
    """A VisionTextDualEncoder of ViT and BERT; pictures stretched, or padded (``fit="pad"``)."""
    config = VisionTextDualEncoderConfig.from_vision_text_configs(
        ViTConfig(**_TOWER, image_size=EDGE, patch_size=8), _bert_config(), projection_dim=40
    )
    model = VisionTextDualEncoderModel(config)
    _draw(model, seed)
    _save(model, folder)
    preprocessing = _vit_processor()
    if fit is not None:
        preprocessing["tangerine_fit"] = fit
    write_json(folder / "preprocessor_config.json", preprocessing)
    return bert_tokenizer(folder)


def tiny_mini(folder: Path, *, seed: int = 0) -> Path:
    """A model of the embedded one's class: BERT, and EfficientNet with no feature below 0."""
    vision = EfficientNetConfig(
        image_size=EDGE,
        width_coefficient=0.25,
        depth_coefficient=0.1,
        # What the layer behind the last block comes to at a quarter of the width.
        hidden_dim=320,
        hidden_act="relu6",
    )
    vision.hidden_size = vision.hidden_dim
    config = MiniConfig.from_vision_text_configs(
        vision,
        _bert_config(),
        projection_dim=40,
        look_axes=9,
        bank_size=12,
        classes=20,
        hub_mean=0.4,
    )
    model = MiniModel(config).eval()
    _draw(model, seed)
    _normalise(model.vision_model, seed)
    generator = torch.Generator().manual_seed(seed)
    model.bank_features.copy_(torch.randn(model.bank_features.shape, generator=generator))
    model.heads_changed()
    _save(model, folder)
    write_json(folder / "preprocessor_config.json", _vit_processor())
    return bert_tokenizer(folder)


def tiny_chinese_clip(folder: Path, *, seed: int = 0) -> Path:
    """A Chinese-CLIP model: a BERT text tower beside CLIP's vision tower."""
    config = ChineseCLIPConfig(
        text_config=_bert_config().to_dict(),
        vision_config={**_TOWER, "image_size": EDGE, "patch_size": 8, "projection_dim": 40},
        projection_dim=40,
    )
    model = ChineseCLIPModel(config)
    _draw(model, seed)
    _save(model, folder)
    write_json(
        folder / "preprocessor_config.json",
        {
            "crop_size": {"height": EDGE, "width": EDGE},
            "do_center_crop": True,
            "image_mean": _OPENAI_MEAN,
            "image_processor_type": "ChineseCLIPImageProcessor",
            "image_std": _OPENAI_STD,
            "resample": 3,
            "size": {"shortest_edge": EDGE},
        },
    )
    return bert_tokenizer(folder)


def tiny_align(folder: Path, *, seed: int = 0) -> Path:
    """An ALIGN model: EfficientNet, pictures stretched, cropped and rescaled to [-1, 1]."""
    config = AlignConfig(
        text_config=_bert_config().to_dict(),
        vision_config={
            "image_size": EDGE,
            "width_coefficient": 0.25,
            "depth_coefficient": 0.1,
            "hidden_dim": 40,
            "num_hidden_layers": 4,
        },
        # What the last block of a network of a quarter of the width comes to.
        projection_dim=80,
    )
    model = AlignModel(config)
    _draw(model, seed)
    _normalise(model.vision_model, seed)
    _save(model, folder)
    write_json(
        folder / "preprocessor_config.json",
        {
            "crop_size": {"height": EDGE, "width": EDGE},
            "do_center_crop": True,
            "do_normalize": False,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": _HALF,
            "image_processor_type": "EfficientNetImageProcessor",
            "image_std": _HALF,
            "include_top": False,
            "resample": 2,
            "rescale_factor": 1 / 127.5,
            "rescale_offset": True,
            "size": {"height": 41, "width": 41},
        },
    )
    return bert_tokenizer(folder)


def _vit_processor() -> dict[str, Any]:
    return {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": _HALF,
        "image_processor_type": "ViTImageProcessor",
        "image_std": _HALF,
        "resample": 2,
        "size": {"height": EDGE, "width": EDGE},
    }


def _bert_config() -> BertConfig:
    return BertConfig(
        **_TOWER,
        vocab_size=len(bert_vocabulary()),
        max_position_embeddings=256,
        # Dropout would show a model that was not put in eval mode.
        hidden_dropout_prob=0.1,
    )


def _draw(model: torch.nn.Module, seed: int) -> None:
    """Draw every weight anew, so that inputs make a difference."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            known = _TEMPERATURES.get(name)
            if known is not None:
                weight.fill_(known)
                continue
            noise = torch.randn(weight.shape, generator=generator)
            if weight.ndim >= 2 and "embedding" not in name:
                weight.copy_(noise * (1.5 / weight[0].numel() ** 0.5))
            elif weight.ndim >= 2:
                weight.copy_(noise)
            else:
                weight.copy_((1.0 if name.endswith("weight") else 0.0) + 0.1 * noise)


def _normalise(tower: torch.nn.Module, seed: int) -> None:
    """Let batch normalisation see some pictures, as training would; else all come out alike."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        colours = torch.rand(64, 3, 1, 1) * 2 - 1
        noise = torch.rand(64, 3, EDGE, EDGE) - 0.5
        tower.train()
        for module in tower.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
        tower(pixel_values=colours + noise * torch.rand(64, 1, 1, 1))


def _save(model: PreTrainedModel, folder: Path) -> None:
    with quiet():
        model.save_pretrained(folder)
