"""What the chat side asks of the rest of the program beyond the ports of the core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Readiness = Callable[[], Sequence[str]]
"""The reasons why the program cannot answer now; empty where it can."""


class Counters(Protocol):
    """What is counted, without a word of what anybody asked."""

    def request(self, platform: str, command: str) -> None:
        """Count one request of a platform."""

    def error(self, code: str) -> None:
        """Count one error by its stable code."""

    def render(self) -> bytes:
        """Everything counted, in Prometheus' text format."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What ``/status`` says of the encoder: ``device`` as ``cpu`` or ``cuda:0``."""

    name: str
    dimension: int
    device: str
