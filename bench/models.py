"""Models with random weights in the shape of the real ones: speed does not depend on them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.checkpoints import clip_tokenizer


def random_clip(folder: Path) -> Path:
    """A checkpoint in the shape of ``openai/clip-vit-base-patch32``, written to ``folder``."""
    import torch  # noqa: PLC0415 - only the benchmarks that encode load it
    from transformers import CLIPConfig, CLIPModel  # noqa: PLC0415

    torch.manual_seed(0)
    # transformers' defaults are those of ViT-B/32.
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 224},
        "crop_size": {"height": 224, "width": 224},
        "do_resize": True,
        "do_center_crop": True,
        "do_normalize": True,
        "do_rescale": True,
        "resample": 3,
        "rescale_factor": 1 / 255,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    return clip_tokenizer(folder)
