"""The people of the loopback Telegram server: what they write, press and type."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

from tests.servers.telegram_methods import Methods
from tests.servers.telegram_world import ANONYMOUS, BOT_ID, BOT_NAME, Json, World

_MEDIA = {"photo", "document", "sticker", "animation", "video", "video_note"}
_CONTENT = {"text", *_MEDIA}


class People:
    """Everything that somebody can do in a chat, sent to the bot as updates.

    ``privacy`` is the bot's privacy mode: in groups it hears only what is meant for it.
    """

    def __init__(self, *, privacy: bool) -> None:
        self.world = World()
        self.world.privacy = privacy
        self.methods = Methods(self.world)
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()

    async def push(self, *, times: int = 1, **update: Any) -> None:
        """Send an update to the bot, the very same one several times."""
        whole = {"update_id": 1000 + next(self._ids), **update}
        self.world.updates.extend([whole] * times)
        await self.wake()

    async def wake(self) -> None:
        """Look again whether there is anything to deliver."""
        async with self._news:
            self._news.notify_all()

    async def say(
        self,
        chat_id: int,
        user_id: int | None,
        text: str | None = None,
        *,
        photo: bytes | None = None,
        reply_to: Json | None = None,
        thread: int | None = None,
        times: int = 1,
        **content: Any,
    ) -> Json:
        """Somebody writes; user None is an anonymous administrator of the group."""
        chat = self.world.chats[chat_id]
        if user_id is None:
            content = {"sender_chat": chat.json, **content}
        sender = ANONYMOUS if user_id is None else self.world.users[user_id]
        if photo is not None:
            content["photo"] = self.world.photo_sizes(photo)
        if thread is not None:
            content.update(message_thread_id=thread, is_topic_message=True)
        if reply_to is not None:
            shown = self.world.shown(chat_id, reply_to["message_id"])
            content["reply_to_message"] = shown
        words = {"caption": text} if _MEDIA & set(content) else {"text": text}
        message = self.world.message(chat, sender, **words, **content)
        if self._delivers(message):
            await self.push(times=times, message=message)
        return message

    async def edit(self, message: Json, *, photo: bytes | None = None, **content: Any) -> None:
        """Somebody edits what they wrote: its caption, or its photo."""
        chat = message["chat"]["id"]
        stored = self.world.chats[chat].messages[message["message_id"]]
        stored.update(content, edit_date=stored["date"] + 1)
        if photo is not None:
            stored["photo"] = self.world.photo_sizes(photo)
        kind = "edited_channel_post" if stored["chat"]["type"] == "channel" else "edited_message"
        if self._delivers(stored):
            await self.push(**{kind: dict(stored)})

    async def publish(
        self, chat_id: int, text: str | None = None, *, photo: bytes | None = None, **content: Any
    ) -> Json:
        """An administrator posts in a channel, in its name."""
        chat = self.world.chats[chat_id]
        if photo is not None:
            content["photo"] = self.world.photo_sizes(photo)
        words = {"caption": text} if _MEDIA & set(content) else {"text": text}
        message = self.world.message(chat, chat.json, sender_chat=chat.json, **words, **content)
        del message["from"]
        await self.push(channel_post=message)
        return message

    async def press(self, message: Json, data: str, user_id: int, *, old: bool = False) -> str:
        """Somebody presses a button; ``old`` messages come without their content."""
        query_id = f"cb{next(self._ids)}"
        self.methods.answers[query_id] = []
        stored = self.world.chats[message["chat"]["id"]].messages[message["message_id"]]
        shown = dict(stored)
        answered = shown.get("reply_to_message")
        if answered and (answered["chat"]["id"], answered["message_id"]) in self.world.deleted:
            del shown["reply_to_message"]
        if old:
            shown = {"chat": stored["chat"], "message_id": stored["message_id"], "date": 0}
        await self.push(
            callback_query={
                "id": query_id,
                "from": self.world.users[user_id],
                "message": shown,
                "chat_instance": "1",
                "data": data,
            }
        )
        return query_id

    async def type_inline(self, user_id: int, text: str, offset: str = "") -> str:
        """Somebody types ``@bot text`` in any chat."""
        query_id = f"in{next(self._ids)}"
        self.methods.inline[query_id] = []
        sender = self.world.users[user_id]
        await self.push(
            inline_query={"id": query_id, "from": sender, "query": text, "offset": offset}
        )
        return query_id

    async def change_member(self, chat_id: int, user_id: int, status: str, *, by: int) -> None:
        """Somebody is promoted or demoted, and a bot that administers the group hears of it."""
        members = self.world.chats[chat_id].members
        old, members[user_id] = members.get(user_id, "left"), status
        await self.push(
            chat_member={
                "chat": self.world.chats[chat_id].json,
                "from": self.world.users[by],
                "date": 1,
                "old_chat_member": self.world.member(chat_id, user_id, old),
                "new_chat_member": self.world.member(chat_id, user_id),
            }
        )

    async def bot_member(self, chat_id: int, old: str, new: str, *, by: int) -> None:
        """The bot's own status in a chat changes."""
        self.world.chats[chat_id].bot_inside = new not in {"left", "kicked"}
        await self.push(
            my_chat_member={
                "chat": self.world.chats[chat_id].json,
                "from": self.world.users[by],
                "date": 1,
                "old_chat_member": self.world.member(chat_id, BOT_ID, old),
                "new_chat_member": self.world.member(chat_id, BOT_ID, new),
            }
        )

    def _delivers(self, message: Json) -> bool:
        if message["chat"]["type"] == "private" or not self.world.privacy:
            return True
        text = message.get("text") or message.get("caption") or ""
        answered = message.get("reply_to_message") or {}
        members = self.world.chats[message["chat"]["id"]].members
        service = not _CONTENT & set(message)
        if service or members.get(BOT_ID) == "administrator":
            return True
        mentioned = re.search(rf"@{BOT_NAME}\b", text) is not None
        return text.startswith("/") or mentioned or answered.get("from", {}).get("id") == BOT_ID
