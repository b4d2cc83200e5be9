"""What the chat side asks of the rest of the program beyond the ports of the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from core.encoder.choice import EncoderChoice

Readiness = Callable[[], Sequence[str]]
"""The reasons why the program cannot answer now; empty where it can."""


class Counters(Protocol):
    """What is counted, without a word of what anybody asked."""

    def request(self, platform: str, command: str) -> None:
        """Count one request of a platform."""

    def error(self, code: str) -> None:
        """Count one error by its stable code."""

    def answered(self, platform: str, seconds: float) -> None:
        """Note how long a request took from its arrival to its reply."""

    def render(self) -> bytes:
        """Everything counted, in Prometheus' text format."""


class Span(Protocol):
    """One piece of work with a beginning and an end."""

    def tell(self, **attributes: str | int) -> None:
        """Add what became known on the way: routes, statuses; no word of a user's."""

    def failed(self, code: str) -> None:
        """Mark it as failed, with the error's stable code."""


class Tracer(Protocol):
    """Where the time of single requests is told, for people who look at one of them."""

    def span(self, name: str, **attributes: str | int) -> AbstractContextManager[Span]:
        """A piece of work of the request that this task works on, inside the one around it."""


class KeptThumbnails(Protocol):
    """Thumbnails that outlive the program. Blocking, thread-safe; nothing is raised."""

    def get(self, sha256: str, edge: int) -> bytes | None:
        """The JPEG of a content in this size, None where there is none."""

    def put(self, sha256: str, edge: int, jpeg: bytes, file: Path) -> None:
        """Keep the JPEG that was made of a file, unless that is not what it was any more."""


class PersonalMemory(Protocol):
    """What is kept of people outside the collections, as an adapter's memory of buttons."""

    @property
    def name(self) -> str:
        """What it is called in an export, as ``telegram``."""

    @property
    def kept_days(self) -> int:
        """Days after which it forgets by itself; 0: within a day, or at the next start."""

    async def describe(self, requester: str) -> Sequence[Mapping[str, object]]:
        """Everything kept of a person, one entry a thing, of values that JSON takes."""

    async def forget(self, requester: str) -> int:
        """Delete all that is kept of a person, for good and at once; how many things."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What ``/status`` says of the encoder: ``device`` as ``cpu`` or ``cuda:0``.

    ``encoders``: those over HTTP that make the vectors, by their addresses without credentials,
    with ``answers`` or why they are left out; for the operator's eyes.
    ``reads``: the languages that it was trained in, ISO 639-1; none where nobody wrote them down.
    """

    name: str
    dimension: int
    device: str
    choice: EncoderChoice | None = None
    reads: tuple[str, ...] = ()
    encoders: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Device, backend and precision, in names that are the same in every language."""
        if self.choice is None:
            return self.device
        return f"{self.device} ({self.choice.backend} {self.choice.precision})"
