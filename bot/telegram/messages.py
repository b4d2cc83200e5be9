"""Reading messages: who speaks, whether the bot is meant, what is asked. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import Message, MessageEntity, User
from telegram.constants import ChatType

from bot.protocol.definitions import CommandDefinition, find_command
from bot.telegram.files import FileRef, file_of, posted_picture

PLATFORM = "telegram"

_COMMAND = re.compile(r"/(\w+)(?:@(\w+))?(?=\s|$)")
# The first topic of a forum is no thread: naming it is an error (Bot API, "sendMessage").
_GENERAL_TOPIC = 1


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message that is meant for the bot; an album counts as one.

    ``speaker`` is the user's id, or the negative id of the chat in whose name somebody
    speaks; ``user`` is None then. ``command`` is the known command that it gives, if any.
    ``unasked`` are pictures of a group that nobody asked about: they are meant for the bot
    only where the chat is set so. ``replied_to`` is the message of the same chat that it answers;
    ``person`` the speaker that it is about: one it mentions, else who wrote that message.
    """

    message: Message
    text: str
    command: CommandDefinition | None
    speaker: int
    user: User | None
    pictures: tuple[FileRef, ...]
    replied: tuple[FileRef, ...]
    unasked: bool = False
    replied_to: int | None = None
    person: int | None = None

    @property
    def locale(self) -> str:
        return (self.user.language_code if self.user else None) or "en"


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


def channel_of(chat_id: int) -> str:
    """Where photos may be answered unasked: a group is one; in private each is an asked one."""
    return community_of(chat_id) if chat_id < 0 else ""


def place_of(message: Message, *, reply_to: int | None) -> Place:
    topic = message.message_thread_id if message.is_topic_message else None
    return Place(message.chat.id, None if topic == _GENERAL_TOPIC else topic, reply_to)


def speaker_of(message: Message) -> tuple[int, User | None]:
    """Who speaks: a user, or a chat (an anonymous administrator, a channel)."""
    if message.sender_chat is not None:
        return message.sender_chat.id, None
    user = message.from_user
    return (user.id, user) if user is not None else (message.chat.id, None)


def hear(album: Sequence[Message], me: User) -> IncomingMessage | None:
    """What a message asks of the bot, None where it is not meant."""
    first = album[0]
    said = next((m for m in album if m.text or m.caption), first)
    if by_a_bot(first) or _is_service(first):
        return None
    # The words below a forwarded picture are somebody else's.
    quoted = first.forward_origin is not None and file_of(first) is not None
    text = "" if quoted else (said.text or said.caption or "").strip()
    written = _COMMAND.match(text)
    if written is not None and written[2] and not _same(written[2], me.username):
        return None
    # A mention of the bot may come before the command.
    text = _without_mention(text, me)
    given = _COMMAND.match(text)
    command = find_command(given[1]) if given is not None else None
    if not (
        first.chat.type == ChatType.PRIVATE
        or (written is not None and (written[2] or command is not None))
        or any(_mentions(message, me) for message in album)
        or _answers(first, me)
    ):
        return _unasked(album) if written is None else None
    # What is kept is kept as large as it was sent; a search sees no more than a small copy.
    whole = command is not None and command.who == "adder"
    found = (file_of(message, whole=whole) for message in album)
    answered = first.reply_to_message or first.external_reply
    replied = file_of(answered, whole=whole)
    speaker, user = speaker_of(first)
    return IncomingMessage(
        message=said,
        text=text,
        command=command,
        speaker=speaker,
        user=user,
        pictures=tuple(ref for ref in found if ref is not None),
        replied=(replied,) if replied is not None else (),
        replied_to=None if first.reply_to_message is None else first.reply_to_message.message_id,
        person=_person(said, me),
    )


def _person(message: Message, me: User) -> int | None:
    entities = (*message.entities, *message.caption_entities)
    named = (entity.user.id for entity in entities if entity.user is not None)
    answered = message.reply_to_message
    if answered is not None and answered.forum_topic_created is None:
        speaker, _ = speaker_of(answered)
    else:
        speaker = me.id
    return next((user for user in (*named, speaker) if user != me.id), None)


def _unasked(album: Sequence[Message]) -> IncomingMessage | None:
    pictures = tuple(ref for ref in map(posted_picture, album) if ref is not None)
    speaker, user = speaker_of(album[0])
    heard = IncomingMessage(album[0], "", None, speaker, user, pictures, (), unasked=True)
    return heard if pictures else None


def by_a_bot(message: Message) -> bool:
    """Whether a bot speaks, this one or another; a chat is none, nor an anonymous administrator."""
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
