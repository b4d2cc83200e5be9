"""What the Bot API refuses, each rule with the words of the real server; and calls."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from PIL import Image

from tests.servers.telegram_world import Chat, Json, World, utf16

MAX_PHOTO = 10 * 2**20
MAX_GET_FILE = 20 * 2**20
MAX_DOCUMENT = 50 * 2**20


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.body: Json = {"ok": False, "error_code": status, "description": description}
        if parameters:
            self.body["parameters"] = parameters


class Upload(NamedTuple):
    """A file as it was sent."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the next call of a method.

    ``status`` 0 resets the connection; ``after`` lets the call happen first, so that only
    its answer is lost. ``answer`` is what is answered instead of the Bot API's own words.
    """

    status: int
    retry_after: int = 0
    after: bool = False
    answer: Json | None = None

    @property
    def body(self) -> Json:
        """What is answered."""
        if self.answer is not None:
            return self.answer
        body: Json = {"ok": False, "error_code": self.status, "description": "It failed"}
        if self.retry_after:
            body["parameters"] = {"retry_after": self.retry_after}
        return body


@dataclass(frozen=True)
class Call:
    """One call, ``at`` on the monotonic clock; ``status`` is what was answered."""

    method: str
    params: Json
    at: float
    status: int


def bad(description: str) -> Refused:
    """A 400."""
    return Refused(400, f"Bad Request: {description}")


Params = Mapping[str, Any]
"""Parameters of a call: strings as sent, files as uploads."""


def parsed(params: Params, name: str) -> Any:
    """A parameter that holds JSON, None where it is missing."""
    return json.loads(params[name]) if params.get(name) else None


def chat_of(world: World, params: Params) -> Chat:
    """The chat that is written to."""
    chat_id = int(params["chat_id"])
    chat = world.chats.get(chat_id)
    if chat is None and chat_id in world.users:
        raise Refused(403, "Forbidden: bot can't initiate conversation with a user")
    if chat is None:
        raise bad("chat not found")
    if chat.migrated_to is not None:
        raise Refused(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            migrate_to_chat_id=chat.migrated_to,
        )
    if not chat.bot_inside:
        raise Refused(403, "Forbidden: bot was kicked from the supergroup chat")
    return chat


def text_of(params: Params, name: str, limit: int, *, required: bool = False) -> str | None:
    """A text within its limit, which counts UTF-16 units."""
    if params.get("parse_mode"):
        raise bad("this server knows plain text only")
    text = params.get(name)
    if required and not (text and text.strip()):
        raise bad("message text is empty")
    if text is not None and utf16(text) > limit:
        raise bad("message is too long" if name == "text" else "message caption is too long")
    return text


def keyboard_of(params: Params) -> Json | None:
    """A keyboard whose every button does something that Telegram allows."""
    markup = parsed(params, "reply_markup")
    if markup is None:
        return None
    for row in markup["inline_keyboard"]:
        if not 1 <= len(row) <= 8:
            raise bad("reply markup is too long")
        for button in row:
            if not button["text"]:
                raise bad("text buttons are allowed only with text")
            if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
                raise bad("BUTTON_DATA_INVALID")
    return dict(markup)


def thread_of(chat: Chat, params: Params) -> Json:
    """The topic that is written to."""
    if not params.get("message_thread_id"):
        return {}
    thread = int(params["message_thread_id"])
    if thread not in chat.topics:
        raise bad("message thread not found")
    return {"message_thread_id": thread, "is_topic_message": True}


def answered(world: World, chat: Chat, params: Params) -> Json | None:
    """The message that is replied to."""
    reply = parsed(params, "reply_parameters")
    if reply is None:
        return None
    shown = world.shown(chat.id, reply["message_id"])
    if shown is None and not reply.get("allow_sending_without_reply"):
        raise bad("message to be replied not found")
    return shown


def photo_of(world: World, chat: Chat, media: object, *, remember: bool = True) -> list[Json]:
    """The sizes of a photo: uploaded bytes, or a file id of this bot."""
    if not chat.may_send_photos:
        raise bad("not enough rights to send photos to the chat")
    if isinstance(media, str):
        if media not in world.files:
            raise bad("wrong file identifier/HTTP URL specified")
        return [world.size_of(media)]
    assert isinstance(media, Upload)
    media = media.data
    if len(media) > MAX_PHOTO:
        raise Refused(413, "Request Entity Too Large")
    try:
        with Image.open(io.BytesIO(media)) as image:
            image.load()
            width, height = image.size
    except (OSError, SyntaxError):
        raise bad("IMAGE_PROCESS_FAILED") from None
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise bad("PHOTO_INVALID_DIMENSIONS")
    if remember:
        world.uploads.append(media)
    return world.photo_sizes(media)
