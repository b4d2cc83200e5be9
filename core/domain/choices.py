"""What commands offer to choose from, known before anything heavy is imported."""

from __future__ import annotations

from enum import StrEnum

MAX_GROUPS = 12
"""Groups of one map: as many colours as people can tell apart."""


class Strictness(StrEnum):
    """How little of a criterion is enough for a picture to be held."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
