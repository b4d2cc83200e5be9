"""Models with random weights in the shape of the real ones: speed does not depend on them."""

from __future__ import annotations

import gzip
import itertools
import json
import string
from pathlib import Path
from typing import Any

from tests.checkpoints import clip_tokenizer

_RCLIP_MERGES = 48_894
"""Lines of the list of pieces of words that CLIP's tokenizer joins, as rclip reads it."""


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
    """A data folder of rclip with this checkpoint's towers in place of its own.

    Made once, beside the checkpoint; inputs, outputs and paths are those of rclip 3. Its list of
    pieces of words is as long as there, and made of letters.
    """
    import torch  # noqa: PLC0415 - as above
    from transformers import CLIPModel  # noqa: PLC0415

    home = checkpoint.parent / "rclip"
    folder = home / "ViT-B-32-256-datacomp_s34b_b86k"
    words = home / "tokenizer" / "bpe_simple_vocab_16e6.txt.gz"
    if words.exists():
        return home
    network = CLIPModel.from_pretrained(checkpoint).eval()

    class Tower(torch.nn.Module):
        def __init__(self, pictures: bool) -> None:
            super().__init__()
            self.network, self.pictures = network, pictures

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            ask = network.get_image_features if self.pictures else network.get_text_features
            found: torch.Tensor = ask(values).pooler_output
            return found

    examples = {
        "visual.onnx": torch.zeros(2, 3, 256, 256),
        "textual.onnx": torch.ones(2, 77, dtype=torch.int64),
    }
    for name, example in examples.items():
        _exported(Tower(name == "visual.onnx"), example, folder / name)
    words.parent.mkdir(exist_ok=True)
    letters = itertools.islice(itertools.product(string.ascii_lowercase, repeat=4), _RCLIP_MERGES)
    lines = (f"{a}{b} {c}{d}" for a, b, c, d in letters)
    words.write_bytes(gzip.compress("\n".join(["version", *lines]).encode()))
    return home


def _exported(tower: Any, example: Any, file: Path) -> None:
    import torch  # noqa: PLC0415 - as above

    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".part")
    with torch.no_grad():
        torch.onnx.export(
            tower,
            (example,),
            partial,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
            opset_version=18,
            dynamo=False,
        )
    partial.rename(file)
