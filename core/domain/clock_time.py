"""A place in something that plays, as players show it."""

from __future__ import annotations


def clock_time(seconds: float) -> str:
    """``0:07``, ``12:34`` or ``1:02:03``, rounded down."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
