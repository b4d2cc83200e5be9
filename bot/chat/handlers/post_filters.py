"""Which posts a question wants alone, as a button carries it."""

from __future__ import annotations

import re

from core.domain.errors import ExpiredButton
from core.domain.viewer import PostFilter

_SHAPE = re.compile(r"([^~]*)~([^~]*)~(\d*)~(\d*)")


def written(wanted: PostFilter | None) -> str:
    """A filter as a few characters, empty for none."""
    if wanted is None:
        return ""
    days = ("" if day is None else str(int(day)) for day in (wanted.after, wanted.before))
    return "~".join((wanted.channel, wanted.author, *days))


def read(text: str) -> PostFilter | None:
    """The filter again. Raises ExpiredButton where it is not ours."""
    if not text:
        return None
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ExpiredButton
    after, before = (float(day) if day else None for day in shape.groups()[2:])
    return PostFilter(shape[1], shape[2], after, before)
