"""The class of ``mini``: a stock dual encoder whose two heads are more than linear maps.

Both vectors have three parts, side by side::

    text     [ s t       ; 0      ;  a            ]        s² + a² = 1
    picture  [ alpha v   ; rest q ; -gamma (h - h0) ]      gamma = beta alpha s / a

- ``v`` and ``t`` are the unit vectors that linear heads give: of a picture's features beside
  what the tower's own ImageNet classifier makes of them, and of a text's features. A sure
  class is worth more than the features behind it (ConSE, Norouzi et al. 2014,
  arXiv:1312.5650; here the map from classes to meanings is learnt with the rest).
- ``q`` is what the picture looks like and no text says: the logarithms of the features in
  whitened principal axes (Jégou and Chum, ECCV 2012). Pictures alone meet there.
- ``h`` is how near a picture is to captions in general, those of the bank. It is taken off what
  any text finds in the picture, or else a few pictures would be near every text (one side of
  CSLS, Conneau et al. 2018, arXiv:1710.04087).

So the cosine of a text and a picture is ``alpha s (t · v) - a gamma (h - h0)``, ``rest`` makes
the picture's length 1, and nothing but an inner product is asked of an index.

One of the modules that import torch at the top: classes of modules need it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn.functional import linear, normalize, pad
from transformers import (
    AutoConfig,
    AutoModel,
    PretrainedConfig,
    PreTrainedModel,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling

from core.encoder.mini.ngrams import FEATURES, PIECES, NgramTower
from core.encoder.mini.pieces import MAX_PIECES

MODEL_TYPE = "tangerine-mini"
TEXT_MODEL_TYPE = "tangerine-ngrams"

_LARGEST_HUB = 0.5
"""The hub's coordinate goes no further: with ``alpha`` it leaves something of length 1 for what
texts do not see. Of 10,000 pictures of the recipe none comes beyond 0.46."""


class NgramConfig(PretrainedConfig):  # type: ignore[no-untyped-call]  # theirs
    """What a checkpoint says of its text tower."""

    model_type = TEXT_MODEL_TYPE

    vocab_size: int = PIECES
    hidden_size: int = FEATURES
    max_position_embeddings: int = MAX_PIECES


class NgramModel(PreTrainedModel):
    """:class:`core.encoder.mini.ngrams.NgramTower` as a text model of transformers."""

    config_class = NgramConfig

    def __init__(self, config: NgramConfig) -> None:
        super().__init__(config)
        self.tower = NgramTower(config.vocab_size)
        self.post_init()  # type: ignore[no-untyped-call]  # theirs

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        **_: Any,
    ) -> BaseModelOutputWithPooling:
        """Features [n, FEATURES] as ``pooler_output``; without a mask all ids are read."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return BaseModelOutputWithPooling(pooler_output=self.tower(input_ids, mask))


class MiniConfig(VisionTextDualEncoderConfig):  # type: ignore[no-untyped-call]  # theirs
    """What a checkpoint of this class says of itself.

    ``projection_dim`` is the length of the whole vectors. The others by the module's letters:
    ``look_axes`` is the length of q, ``bank_size`` the number of captions behind h,
    ``classes`` of the tower's classifier; ``text_hub`` is a, ``meaning`` alpha, ``hub_weight``
    beta, ``hub_temperature`` tau and ``hub_mean`` h0. ``log_gain`` multiplies features before
    their logarithm.
    """

    model_type = MODEL_TYPE

    look_axes: int = 191
    bank_size: int = 637
    classes: int = 1000
    text_hub: float = 0.2
    meaning: float = math.sqrt(0.3)
    hub_weight: float = 0.7
    hub_temperature: float = 0.08
    hub_mean: float = 0.0
    log_gain: float = 20.0

    @property
    def meaning_axes(self) -> int:
        """The length of t and v."""
        return int(self.projection_dim) - self.look_axes - 1

    @property
    def text_meaning(self) -> float:
        """What t is multiplied with: s."""
        return math.sqrt(1 - self.text_hub**2)


class Exact(torch.nn.Linear):
    """A linear map computed in float32 whatever its weights and its input are kept in.

    The numbers of the heads are few, and what follows them are differences of near ones.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Values [n, in] of any precision to float32 [n, out]."""
        bias = None if self.bias is None else self.bias.float()
        return linear(values.float(), self.weight.float(), bias)


class TextHead(torch.nn.Module):
    """The text tower's features [n, f] to unit vectors [n, d], float32."""

    in_float32 = True
    """Exports in eight-bit integers leave it out (``core.encoder.backends.openvino``)."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self._scale, self._hub, self._look = config.text_meaning, config.text_hub, config.look_axes
        tower: Any = config.text_config
        self.head = Exact(tower.hidden_size, config.meaning_axes, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """What texts are among pictures."""
        meaning = normalize(self.head(features), dim=1)
        # Padding, since exports would write down how many rows the example has.
        return pad(pad(self._scale * meaning, (0, self._look)), (0, 1), value=self._hub)


class PictureHead(torch.nn.Module):
    """The image tower's features [n, f], none below 0, to unit vectors [n, d], float32."""

    in_float32 = True
    mean: torch.Tensor
    bank: torch.Tensor

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        tower: Any = config.vision_config
        features, meaning = tower.hidden_size, config.meaning_axes
        self._alpha, self._gain = config.meaning, config.log_gain
        self._temperature, self._hub_mean = config.hub_temperature, config.hub_mean
        self._gamma = config.hub_weight * config.meaning * config.text_meaning / config.text_hub
        self.classifier = Exact(features, config.classes)
        self.head = Exact(features + 2 * config.classes, meaning, bias=False)
        self.axes = Exact(features, config.look_axes, bias=False)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("bank", torch.zeros(config.bank_size, meaning))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """What pictures are among pictures and texts."""
        features = features.float()
        meaning = normalize(self.head(self.seen(features)), dim=1)
        hub = (self._gamma * (self._hub_mean - self.hub(meaning))).clamp(
            -_LARGEST_HUB, _LARGEST_HUB
        )[:, None]
        rest = (1 - self._alpha**2 - hub.square()).sqrt()
        return torch.cat([self._alpha * meaning, rest * self.look(features), hub], dim=1)

    def seen(self, features: torch.Tensor) -> torch.Tensor:
        """What the linear head is given: features, classes, and the roots of these.

        float32 [n, f + 2 classes]. The root lets classes speak that are not the likeliest.
        """
        features = features.float()
        chances = self.classifier(features).log_softmax(dim=1)
        # Not the root of the exponential: its slope at a chance of 0 has no number.
        return torch.cat([features, chances.exp(), (0.5 * chances).exp()], dim=1)

    def look(self, features: torch.Tensor) -> torch.Tensor:
        """What a picture looks like: unit vectors float32 [n, look_axes]."""
        logarithms = normalize((self._gain * features.float()).log1p(), dim=1)
        return normalize(self.axes(logarithms - self.mean.float()), dim=1)

    def hub(self, meaning: torch.Tensor) -> torch.Tensor:
        """How near unit vectors [n, d] are to captions in general, float32 [n]."""
        near = linear(meaning, self.bank.float()) / self._temperature
        return self._temperature * near.logsumexp(dim=1)


class MiniModel(VisionTextDualEncoderModel):
    """Towers as in the stock class; the heads are :class:`PictureHead` and :class:`TextHead`."""

    config_class = MiniConfig
    visual_projection: PictureHead  # type: ignore[assignment]  # theirs is the linear map alone
    text_projection: TextHead  # type: ignore[assignment]
    bank_features: torch.Tensor

    def __init__(
        self, config: MiniConfig, vision_model: Any = None, text_model: Any = None
    ) -> None:
        super().__init__(config, vision_model, text_model)
        self.visual_projection = PictureHead(config)
        self.text_projection = TextHead(config)
        tower: Any = config.text_config
        # Kept for a text head that is trained anew: the bank follows it.
        self.register_buffer("bank_features", torch.zeros(config.bank_size, tower.hidden_size))
        self.post_init()  # type: ignore[no-untyped-call]  # theirs

    @property
    def head_cosine(self) -> float:
        """What the cosine of the linear heads' vectors is multiplied with in the whole ones."""
        return float(self.config.meaning * self.config.text_meaning)

    @property
    def made_of_heads(self) -> tuple[torch.Tensor, ...]:
        """What :meth:`heads_changed` makes anew."""
        return (self.visual_projection.bank,)

    def heads_changed(self) -> None:
        """Make the bank anew from its features, as the text head puts them now."""
        with torch.no_grad():
            bank = normalize(self.text_projection.head(self.bank_features), dim=1)
            self.visual_projection.bank.copy_(bank)


def register() -> None:
    """Tell transformers the classes of these model types; may be called again."""
    AutoConfig.register(TEXT_MODEL_TYPE, NgramConfig, exist_ok=True)
    AutoModel.register(NgramConfig, NgramModel, exist_ok=True)
    AutoConfig.register(MODEL_TYPE, MiniConfig, exist_ok=True)
    AutoModel.register(MiniConfig, MiniModel, exist_ok=True)
