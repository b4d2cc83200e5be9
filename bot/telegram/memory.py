"""What the bot remembers over restarts: file ids of sent pictures, and who asked for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

KEPT_S = 30 * 86_400.0
"""How long unused entries are remembered, in seconds."""

WaitingKey = tuple[int, int, int]
"""A chat, a message, and when it was edited, in seconds since the epoch: 0 for never."""


@dataclass(frozen=True, slots=True)
class AnsweredMessage:
    """Whom a message with buttons answers, and which pictures were asked about.

    ``caller`` is a user's id, or the negative id of a chat where somebody spoke in its
    name; ``pictures`` are file ids, ready to be fetched again. ``home`` is the chat for
    which the buttons act where that is not the chat they stand in.
    """

    caller: int
    pictures: tuple[str, ...] = ()
    home: int | None = None


class TelegramMemory(Protocol):
    """It holds nothing that cannot be found again or done without, and raises nothing.

    All that is unused for :data:`KEPT_S` is forgotten. Before it is opened and once it is closed,
    nothing is found and nothing is kept. Each bot has file ids and notes of its own.
    """

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def file_ids(self, bot: int, hashes: Sequence[str]) -> dict[str, str]:
        """The file ids of those pictures (by SHA-256) that this bot has sent before."""

    async def keep_file_id(self, bot: int, sha256: str, file_id: str) -> None: ...

    async def forget_file_ids(self, bot: int, hashes: Sequence[str]) -> None:
        """Forget file ids that Telegram refused, or whose picture is gone."""

    async def keep_asked(
        self, bot: int, chat: int, message: int, asked: AnsweredMessage
    ) -> None: ...

    async def asked(self, bot: int, chat: int, message: int) -> AnsweredMessage | None:
        """Whom a message of ours answers, None where that is forgotten."""

    async def keep_shown(self, bot: int, chat: int, pictures: Mapping[int, str]) -> None:
        """Remember which picture (by its id) each message of ours shows."""

    async def shown(self, bot: int, chat: int, message: int) -> str | None:
        """The id of the picture that a message of ours shows, None where that is forgotten."""

    async def keep_waiting(self, bot: int, key: WaitingKey, body: str) -> None:
        """Keep an update, as JSON, until its post is taken in."""

    async def drop_waiting(self, bot: int, keys: Sequence[WaitingKey]) -> None: ...

    async def waiting(self, bot: int) -> Sequence[str]:
        """The updates that wait, in the order of their messages; none older than a day."""

    @property
    def name(self) -> str:
        """What this memory is called where a person asks for what is kept."""

    @property
    def kept_days(self) -> int:
        """Days after which it forgets by itself."""

    async def describe(self, requester: str) -> Sequence[Mapping[str, object]]:
        """The buttons that answer a person, with the pictures that were asked about."""

    async def forget(self, requester: str) -> int:
        """Forget whose those buttons are; how many it were."""

    async def prune(self) -> None:
        """Drop what is too old, and the oldest of what is too much."""

    async def note(self, bot: int, name: str) -> str | None: ...

    async def keep_note(self, bot: int, name: str, value: str) -> None: ...
