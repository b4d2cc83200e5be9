"""A chat's history as Telegram Desktop exports it: ``result.json`` beside folders of files.

Read piece by piece: exports reach gigabytes. What the program writes is described at
https://core.telegram.org/import-export (as of Telegram Desktop 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from core.domain.errors import SourceError
from core.domain.types import Post
from index.catalogue.walk import inside

_BASIC = "private_group"
_KINDS = {_BASIC, "private_supergroup", "public_supergroup", "private_channel", "public_channel"}
_NOT_INCLUDED = "(File"
_PEOPLE = (("user", ""), ("channel", "-100"), ("chat", "-"))
_NAME_LENGTH = 64
_AGAIN = (
    "In Telegram Desktop open the chat, choose Export chat history, format JSON, with photos and "
    "files; then give its result.json."
)


@dataclass(frozen=True, slots=True)
class ExportedPost:
    """A message with a picture; ``file`` is None where the export left the file out."""

    post: Post
    file: Path | None


def check_export(export: Path, community: str) -> None:
    """Whether this is an export of this chat. Blocking. Raises SourceError."""
    fields: dict[str, Any] = {}
    try:
        with export.open("rb") as source:
            for prefix, event, value in ijson.parse(source):
                if prefix == "messages" and event == "start_array":
                    break
                if prefix in {"type", "id"}:
                    fields[prefix] = value
            else:
                raise SourceError(f"{export.name} is no export of one chat.", remedy=_AGAIN)
    except OSError as error:
        raise SourceError(f"{export} cannot be read ({error.strerror}).", remedy=_AGAIN) from None
    except ijson.JSONError:
        raise _damaged(export) from None
    kind, number = fields.get("type"), fields.get("id")
    if kind not in _KINDS or not isinstance(number, int):
        raise SourceError(f"{export.name} is no export of a group or channel.", remedy=_AGAIN)
    chat = f"telegram:{'-' if kind == _BASIC else '-100'}{number}"
    if chat != community:
        raise SourceError(
            f"{export.name} is the history of {chat}, not of {community}.",
            remedy=f"Give --community {chat}, or the export of the other chat.",
        )


def exported_posts(export: Path, community: str, *, bot: str = "") -> Iterator[ExportedPost]:
    """The messages with pictures, the oldest first. Blocking. Raises SourceError.

    ``bot`` is the requester's name of this bot, whose answers are left out, as are messages sent
    through a bot, commands, stickers, what moves, and what is covered.
    """
    folder = export.parent.resolve()
    try:
        with export.open("rb") as source:
            for message in _messages(source):
                found = _post(message, community, folder)
                if found is not None and (not bot or found.post.author != bot):
                    yield found
    except OSError as error:
        raise SourceError(f"{export} cannot be read ({error.strerror}).", remedy=_AGAIN) from None
    except ijson.JSONError:
        raise _damaged(export) from None


def _messages(source: BinaryIO) -> Iterator[Mapping[str, Any]]:
    for message in ijson.items(source, "messages.item"):
        if isinstance(message, dict):
            yield message


def _post(message: Mapping[str, Any], community: str, folder: Path) -> ExportedPost | None:
    name = _picture(message)
    number = message.get("id")
    text = _text(message)
    if name is None or not isinstance(number, int) or text.startswith("/"):
        return None
    try:
        posted_at = float(message["date_unixtime"])
    except (KeyError, TypeError, ValueError):
        try:
            posted_at = datetime.fromisoformat(str(message.get("date"))).timestamp()
        except ValueError:
            return None
    sender = str(message.get("author") or message.get("from") or "")
    post = Post(
        chat=community,
        message=number,
        community=community,
        author=_author(message.get("from_id"), community),
        author_name=" ".join(sender.split())[:_NAME_LENGTH],
        posted_at=posted_at,
        caption=text,
    )
    file = None if name.startswith(_NOT_INCLUDED) else folder / name
    return ExportedPost(post, file if file is not None and inside(folder, file) else None)


def _picture(message: Mapping[str, Any]) -> str | None:
    """The file of a message that has a picture."""
    if message.get("type") != "message" or message.get("via_bot") or message.get("media_spoiler"):
        return None
    photo, file = message.get("photo"), message.get("file")
    if isinstance(photo, str):
        return photo
    image = str(message.get("mime_type", "")).startswith("image/")
    return file if isinstance(file, str) and image and not message.get("media_type") else None


def _text(message: Mapping[str, Any]) -> str:
    """The text, a string or a list of parts, without what is covered."""
    text = message.get("text", "")
    parts = text if isinstance(text, list) else [text]
    said = []
    for part in parts:
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, dict) and part.get("type") != "spoiler":
            said.append(str(part.get("text", "")))
    return "".join(said)


def _author(from_id: object, community: str) -> str:
    """As ``/privacy`` knows people: posts in the name of a chat have the chat's name."""
    for kind, sign in _PEOPLE:
        number = str(from_id).removeprefix(kind)
        if str(from_id).startswith(kind) and number.isdigit():
            return f"telegram:{sign}{number}"
    return community


def _damaged(export: Path) -> SourceError:
    return SourceError(f"{export.name} is no JSON, or was cut short.", remedy=_AGAIN)
