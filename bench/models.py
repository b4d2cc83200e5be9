"""Models with random weights in the shape of the real ones: speed does not depend on them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.checkpoints import clip_tokenizer


def random_clip(folder: Path, *, edge: int = 224) -> Path:
    """A checkpoint in the shape of ``openai/clip-vit-base-patch32``, written to ``folder``.

    ``edge``: of the pictures that it takes, in pixels.
    """
    import torch  # noqa: PLC0415 - only the benchmarks that encode load it
    from transformers import CLIPConfig, CLIPModel  # noqa: PLC0415

    torch.manual_seed(0)
    # transformers' defaults are those of ViT-B/32.
    CLIPModel(CLIPConfig(vision_config={"image_size": edge})).save_pretrained(folder)
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": edge},
        "crop_size": {"height": edge, "width": edge},
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


def rclip_model(checkpoint: Path) -> Path:
    """A data folder of rclip with this checkpoint's picture tower in place of its own.

    Made once, beside the checkpoint; its input, output and path are those of rclip 3.
    """
    import torch  # noqa: PLC0415 - as above
    from transformers import CLIPModel  # noqa: PLC0415

    home = checkpoint.parent / "rclip"
    file = home / "ViT-B-32-256-datacomp_s34b_b86k" / "visual.onnx"
    if file.exists():
        return home

    class Pictures(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = CLIPModel.from_pretrained(checkpoint).eval()

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.network.get_image_features(pixel_values=values).pooler_output
            return found

    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".part")
    with torch.no_grad():
        torch.onnx.export(
            Pictures(),
            (torch.zeros(2, 3, 256, 256),),
            partial,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
            opset_version=18,
            dynamo=False,
        )
    partial.rename(file)
    return home
