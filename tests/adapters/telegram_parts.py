"""A running Telegram bot over our own fakes, talking to the loopback server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from bot.engine.engine import SystemClock
from bot.engine.telegram_memory import StoredMemory
from bot.rendering.sheets import Sheets
from bot.telegram.adapter import TelegramAdapter, TelegramOptions, TelegramParts
from tests.fakes import COLOURS
from tests.servers.telegram import TOKEN, TelegramServer
from tests.servers.telegram_world import Json
from tests.web.parts import Parts

ADA, BEN, EVE = 11, 12, 13
GROUP, OTHER_GROUP = -1001, -1002

SMALL: Sequence[tuple[str, str]] = (
    *(
        (c, f"{c} {t}")
        for t in ("fruits", "bicycle", "balloon", "house on a hill", "cat")
        for c in ("red", "orange", "green", "blue")
    ),
    ("grey", ""),
)
"""Colour and caption of each picture: five of each colour, and one without a caption."""


def options(**values: Any) -> TelegramOptions:
    """Short pauses."""
    quick: dict[str, Any] = {
        "album_quiet_s": 0.15,
        "inline_settle_s": 0.02,
        "progress_step_s": 0.05,
        "drain_s": 2.0,
        "retry_pauses_s": (0.02, 0.05, 0.1),
    }
    return TelegramOptions(**{**quick, **values})


def adapter_of(
    parts: Parts, server: TelegramServer, folder: Path, **values: Any
) -> TelegramAdapter:
    """An adapter of these parts, not yet started."""
    values.setdefault("api_url", server.url)
    token = values.pop("token", TOKEN)
    own = [memory for memory in parts.memories if isinstance(memory, StoredMemory)]
    file = values.pop("memory", folder / "telegram.sqlite")
    questions = values.pop("questions", None)
    return TelegramAdapter(
        token,
        TelegramParts(
            commands=parts.commands,
            library=parts.library,
            thumbnails=parts.thumbnails,
            sheets=Sheets(parts.library, parts.thumbnails),
            failures=parts.failures,
            presenters=parts.presenters,
            memory=own[0] if own else StoredMemory(file),
            clock=SystemClock(),
            questions=questions,
        ),
        options(**values),
    )


@dataclass
class Talk:
    """A chat with a running bot, as its people see it."""

    server: TelegramServer
    parts: Parts
    adapter: TelegramAdapter
    folder: Path

    @property
    def sent(self) -> list[Json]:
        """All messages of the bot so far."""
        return self.server.world.sent

    async def answers(self, count: int = 1, *, after: int = 0) -> list[Json]:
        """The bot's messages after the first ``after``, once there are ``count`` of them."""
        await self.server.until(lambda: len(self.sent) - after >= count)
        return self.sent[after:]

    async def ask(
        self, text: str, count: int = 1, *, chat: int = ADA, user: int = ADA
    ) -> list[Json]:
        """Write something and return the next ``count`` messages of the bot."""
        before = len(self.sent)
        await self.server.say(chat, user, text)
        return await self.answers(count, after=before)

    async def press(self, message: Json, label: str, user: int = ADA) -> Json:
        """Press the button whose label starts so; the answer that the presser gets."""
        query = await self.server.press(message, data_of(message, label), user)
        return await self.pressed(query)

    async def pressed(self, query: str) -> Json:
        """The one answer to a press."""
        answers = self.server.methods.answers[query]
        await self.server.until(lambda: answers)
        assert len(answers) == 1
        return answers[0]

    async def inline(self, user: int, text: str, offset: str = "") -> Json:
        """Type an inline query and return the one answer to it."""
        query = await self.server.type_inline(user, text, offset)
        answers = self.server.methods.inline[query]
        await self.server.until(lambda: answers)
        assert len(answers) == 1
        return answers[0]

    async def idle(self) -> None:
        """Let the bot finish all that was written before; costs one answer to Eve."""
        before = len(self.server.called("sendMessage"))
        await self.server.say(EVE, EVE, "/help")
        await self.server.until(
            lambda: any(
                int(call.params["chat_id"]) == EVE
                for call in self.server.called("sendMessage")[before:]
            )
        )
        updates = self.adapter._updates
        assert updates is not None
        await self.server.until(lambda: not updates._under_way)


@asynccontextmanager
async def talking(
    folder: Path, *, parts: Parts | None = None, privacy: bool = True, **values: Any
) -> AsyncIterator[Talk]:
    """A bot with Ada, Ben and Eve in their own chats and together in a group; Ada owns it.

    What the bot remembers lies in ``memory``; None keeps it while the bot runs.
    """
    memory = StoredMemory(values.pop("memory", folder / "telegram.sqlite"))
    parts = parts or Parts(folder, SMALL, memories=[memory])
    server = TelegramServer(privacy=privacy)
    for person in (ADA, BEN, EVE):
        server.world.user(person)
    server.world.group(GROUP, {ADA: "creator", BEN: "administrator", EVE: "member"})
    async with server.running():
        adapter = adapter_of(parts, server, folder, **values)
        await adapter.start()
        try:
            yield Talk(server, parts, adapter, folder)
        finally:
            await adapter.stop()
            await parts.close()


def data_of(message: Json, label: str) -> str:
    """What the button whose label starts so carries."""
    rows = message["reply_markup"]["inline_keyboard"]
    return next(b["callback_data"] for row in rows for b in row if b["text"].startswith(label))


def labels(message: Json) -> list[str]:
    """The labels of a message's buttons."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


def colour_of(image: Image.Image) -> str:
    """The named colour that is nearest to the middle of a picture."""
    pixel = image.getpixel((image.width // 2, image.height // 2))
    return min(
        COLOURS,
        key=lambda name: sum((a - b) ** 2 for a, b in zip(COLOURS[name], pixel, strict=True)),
    )


def photos_of(talk: Talk, messages: list[Json]) -> list[tuple[str, str]]:
    """Colour and caption of each photo among these messages."""
    world = talk.server.world
    return [
        (colour_of(world.picture(message)), message.get("caption", ""))
        for message in messages
        if "photo" in message
    ]
