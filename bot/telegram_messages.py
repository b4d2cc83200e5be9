"""Reading messages: who speaks, whether the bot is meant, what is asked. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import Message, MessageEntity, User
from telegram.constants import ChatType

from bot.definitions import find_command
from bot.telegram_files import FileRef, file_of

PLATFORM = "telegram"

_COMMAND = re.compile(r"/(\w+)(?:@(\w+))?(?=\s|$)")
# The first topic of a forum is no thread: naming it is an error (Bot API, "sendMessage").
_GENERAL_TOPIC = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that is meant for the bot; an album counts as one.

    ``speaker`` is the user's id, or the negative id of the chat in whose name somebody
    speaks; ``user`` is None then. ``command`` is the name of a known command, if any.
    """

    message: Message
    text: str
    command: str | None
    speaker: int
    user: User | None
    pictures: tuple[FileRef, ...]
    replied: tuple[FileRef, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes: a chat, perhaps a topic of it, perhaps below a message."""

    chat_id: int
    thread_id: int | None = None
    reply_to: int | None = None

    @property
    def is_group(self) -> bool:
        """Whether others read along: groups have negative ids."""
        return self.chat_id < 0


def community_of(chat_id: int) -> str:
    """The chat as the collections' settings name it."""
    return f"{PLATFORM}:{chat_id}"


def place_of(message: Message, *, reply_to: int | None) -> Place:
    """The topic of a message."""
    topic = message.message_thread_id if message.is_topic_message else None
    return Place(message.chat.id, None if topic == _GENERAL_TOPIC else topic, reply_to)


def speaker_of(message: Message) -> tuple[int, User | None]:
    """Who speaks: a user, or a chat (an anonymous administrator, a channel)."""
    if message.sender_chat is not None:
        return message.sender_chat.id, None
    user = message.from_user
    return (user.id, user) if user is not None else (message.chat.id, None)


def hear(album: Sequence[Message], me: User) -> Heard | None:
    """What a message asks of the bot, None where it is not meant."""
    first = album[0]
    said = next((m for m in album if m.text or m.caption), first)
    if _by_a_bot(first) or _is_service(first):
        return None
    pictures = tuple(ref for ref in map(file_of, album) if ref is not None)
    # The words below a forwarded picture are somebody else's.
    quoted = bool(pictures) and first.forward_origin is not None
    text = "" if quoted else (said.text or said.caption or "").strip()
    command = _COMMAND.match(text)
    if command is not None and command[2] and not _same(command[2], me.username):
        return None
    known = find_command(command[1]) if command is not None else None
    if first.chat.type != ChatType.PRIVATE and not (
        (command is not None and (known is not None or command[2]))
        or any(_mentions(message, me) for message in album)
        or _answers(first, me)
    ):
        return None
    replied = file_of(first.reply_to_message) or file_of(first.external_reply)
    speaker, user = speaker_of(first)
    return Heard(
        message=said,
        text=_without_mention(text, me),
        command=known.name if known is not None else None,
        speaker=speaker,
        user=user,
        pictures=pictures,
        replied=(replied,) if replied is not None else (),
    )


def _by_a_bot(message: Message) -> bool:
    # Inline results of ours come back as messages of the person who chose them.
    if message.via_bot is not None:
        return True
    user = message.from_user
    return message.sender_chat is None and user is not None and user.is_bot


def _is_service(message: Message) -> bool:
    return not message.text and message.effective_attachment is None


def _same(name: str, username: str | None) -> bool:
    return username is not None and name.lower() == username.lower()


def _mentions(message: Message, me: User) -> bool:
    kinds: list[str | None] = [MessageEntity.MENTION, MessageEntity.TEXT_MENTION]
    if message.text is not None:
        found = message.parse_entities(kinds)
    else:
        found = message.parse_caption_entities(kinds) if message.caption is not None else {}
    return any(
        (entity.user is not None and entity.user.id == me.id) or _same(text[1:], me.username)
        for entity, text in found.items()
    )


def _answers(message: Message, me: User) -> bool:
    answered = message.reply_to_message
    # Every message of a topic answers the service message that opened it.
    if answered is None or answered.forum_topic_created is not None:
        return False
    return answered.from_user is not None and answered.from_user.id == me.id


def _without_mention(text: str, me: User) -> str:
    if not me.username:
        return text
    without = re.sub(rf"@{re.escape(me.username)}\b", " ", text, flags=re.IGNORECASE)
    return re.sub(r"[ \t]{2,}", " ", without).strip()
