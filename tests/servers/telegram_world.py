"""The chats, people, messages and files behind the loopback Telegram server."""

from __future__ import annotations

import io
import itertools
import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from tests.servers.telegram_hook import Hook

Json = dict[str, Any]

BOT_ID = 4242
BOT_NAME = "tangerine_test_bot"
ANONYMOUS = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
_ADMIN_RIGHTS = (
    "can_be_edited is_anonymous can_manage_chat can_delete_messages can_manage_video_chats "
    "can_restrict_members can_promote_members can_change_info can_invite_users "
    "can_post_stories can_edit_stories can_delete_stories"
)
_PERMISSIONS = (
    "can_send_messages can_send_audios can_send_documents can_send_photos can_send_videos "
    "can_send_video_notes can_send_voice_notes can_send_polls can_send_other_messages "
    "can_add_web_page_previews can_change_info can_invite_users can_pin_messages can_manage_topics "
    "can_edit_tag can_react_to_messages"
)
_LINKED = re.compile(r"(?<![\w@])@[A-Za-z]\w{3,31}|(?<![\w/])/[A-Za-z0-9_]{1,32}(?:@\w+)?")


def utf16(text: str) -> int:
    """The length in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def entities_of(text: str) -> list[Json]:
    """What Telegram links in a plain text: mentions and commands, in UTF-16 units."""
    return [
        {
            "type": "mention" if match[0][0] == "@" else "bot_command",
            "offset": utf16(text[: match.start()]),
            "length": utf16(match[0]),
        }
        for match in _LINKED.finditer(text)
    ]


@dataclass
class File:
    """A stored file: its bytes, and the size of its picture where it is one."""

    data: bytes
    unique: str
    width: int = 0
    height: int = 0


@dataclass
class Chat:
    """A chat: ``members`` maps users to their status; a private chat has one."""

    id: int
    kind: str = "private"
    members: dict[int, str] = field(default_factory=dict)
    is_forum: bool = False
    topics: set[int] = field(default_factory=set)
    may_send_photos: bool = True
    may_send_text: bool = True
    bot_inside: bool = True
    migrated_to: int | None = None
    username: str = ""
    messages: dict[int, Json] = field(default_factory=dict)

    @property
    def json(self) -> Json:
        """The chat as messages show it."""
        if self.kind == "private":
            return {"id": self.id, "type": "private", "first_name": f"User {self.id}"}
        forum = {"is_forum": True} if self.is_forum else {}
        named = {"username": self.username} if self.username else {}
        return {"id": self.id, "type": self.kind, "title": f"Group {self.id}", **forum, **named}


class World:
    """All state of the server. Tests build chats with it and read what the bot did."""

    def __init__(self) -> None:
        self.users: dict[int, Json] = {}
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, File] = {}
        self.uploads: list[bytes] = []
        self.sent: list[Json] = []
        self.deleted: set[tuple[int, int]] = set()
        self.updates: deque[Json] = deque()
        self.hook: Hook | None = None
        self.privacy = True
        self._ids = itertools.count(100)

    @property
    def bot(self) -> Json:
        """The bot as a user."""
        return {"id": BOT_ID, "is_bot": True, "first_name": "Tangerine", "username": BOT_NAME}

    def user(self, user_id: int, *, language: str = "en", started: bool = True) -> int:
        """A person, who has pressed Start where ``started``."""
        self.users[user_id] = {
            "id": user_id,
            "is_bot": False,
            "first_name": f"User {user_id}",
            "username": f"user{user_id}",
            "language_code": language,
        }
        if started:
            self.chats[user_id] = Chat(user_id, members={user_id: "member"})
        return user_id

    def group(
        self, chat_id: int, members: Mapping[int, str], *, topics: Sequence[int] | None = None
    ) -> int:
        """A supergroup; ``topics`` makes it a forum with these threads beside the general one."""
        self.chats[chat_id] = Chat(
            chat_id,
            "supergroup",
            {BOT_ID: "member", **members},
            is_forum=topics is not None,
            topics=set(topics or ()),
        )
        return chat_id

    def channel(self, chat_id: int, members: Mapping[int, str], *, username: str = "") -> int:
        """A channel in which the bot is an administrator."""
        everybody = {BOT_ID: "administrator", **members}
        self.chats[chat_id] = Chat(chat_id, "channel", everybody, username=username)
        return chat_id

    def member(self, chat_id: int, user_id: int, status: str | None = None) -> Json:
        """Somebody's status in a chat, or ``status``, as the Bot API tells it.

        "restricted" people are in the chat, "restricted outside" ones are not.
        """
        status = status or self.chats[chat_id].members[user_id]
        user = self.bot if user_id == BOT_ID else self.users[user_id]
        status, _, outside = status.partition(" ")
        member: Json = {"status": status, "user": user}
        if status == "creator":
            member["is_anonymous"] = False
        if status == "administrator":
            member.update(dict.fromkeys(_ADMIN_RIGHTS.split(), False))
        if status == "restricted":
            member.update(dict.fromkeys(_PERMISSIONS.split(), False), is_member=not outside)
        if status in {"kicked", "restricted"}:
            member["until_date"] = 0
        return member

    def store(self, data: bytes) -> str:
        """Keep a file and return its id."""
        number = next(self._ids)
        file_id = f"AgACAgQ-{number}-{'x' * 60}"
        stored = File(data, f"AQAD{number}")
        try:
            with Image.open(io.BytesIO(data)) as image:
                stored.width, stored.height = image.size
        except OSError:
            pass
        self.files[file_id] = stored
        return file_id

    def photo_sizes(self, data: bytes) -> list[Json]:
        """Four copies of a photo, as Telegram makes them; the largest has all pixels."""
        sizes = []
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            for edge in (90, 320, 800, 0):
                if edge and max(image.size) <= edge:
                    continue
                copy = image.convert("RGB")
                if edge:
                    copy.thumbnail((edge, edge))
                    out = io.BytesIO()
                    copy.save(out, "JPEG")
                    sizes.append(self.size_of(self.store(out.getvalue())))
                else:
                    sizes.append(self.size_of(self.store(data)))
        return sizes

    def size_of(self, file_id: str) -> Json:
        """A file as a PhotoSize."""
        file = self.files[file_id]
        return {
            "file_id": file_id,
            "file_unique_id": file.unique,
            "width": file.width,
            "height": file.height,
            "file_size": len(file.data),
        }

    def message(self, chat: Chat, sender: Json, **content: Any) -> Json:
        """A new message in a chat."""
        message = {
            "message_id": next(self._ids),
            "date": int(time.time()),
            "chat": chat.json,
            "from": sender,
            **{key: value for key, value in content.items() if value is not None},
        }
        for words, marks in (("text", "entities"), ("caption", "caption_entities")):
            if message.get(words) and entities_of(message[words]):
                message[marks] = entities_of(message[words])
        chat.messages[message["message_id"]] = message
        return message

    def shown(self, chat_id: int, message_id: int) -> Json | None:
        """A message as an update nests it: without the message that it replies to."""
        message = self.chats[chat_id].messages.get(message_id)
        if message is None or (chat_id, message_id) in self.deleted:
            return None
        return {key: value for key, value in message.items() if key != "reply_to_message"}

    def delete(self, message: Json) -> None:
        """Delete a message."""
        self.deleted.add((message["chat"]["id"], message["message_id"]))

    def document(self, message: Json) -> bytes:
        """The file that a message carries."""
        return self.files[message["document"]["file_id"]].data

    def picture(self, message: Json) -> Image.Image:
        """The picture of a message, decoded from the bytes that Telegram keeps."""
        with Image.open(io.BytesIO(self.files[message["photo"][-1]["file_id"]].data)) as image:
            return image.convert("RGB")
