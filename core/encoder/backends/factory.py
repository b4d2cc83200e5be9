"""Torch's own way to run the towers, as suits the device that a model is on. Loads torch."""

from __future__ import annotations

from typing import Any

from core.encoder.backends.base import Towers
from core.encoder.backends.cuda import CudaTowers
from core.encoder.backends.torch import TorchTowers
from core.encoder.preprocessor_config import Preprocessing


def torch_towers(model: Any, preprocessing: Preprocessing) -> Towers:
    """The towers of a model that is on its device."""
    if model.device.type == "cuda":
        return CudaTowers(model, preprocessing)
    return TorchTowers(model, preprocessing)
