"""Posts of groups and channels whose pictures are searched there: heard, queued, taken in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from telegram import Bot, Message, MessageEntity, MessageOriginUser, Update, User
from telegram.constants import ChatType
from telegram.error import TelegramError

from bot.chat.commands import Commands
from bot.chat.supervision import Pauses
from bot.telegram.files import FileFetcher, FileRef, posted_picture
from bot.telegram.memory import TelegramMemory, WaitingKey
from bot.telegram.messages import (
    PLATFORM,
    by_a_bot,
    community_of,
    place_of,
    speaker_of,
)
from core.domain.errors import BadPicture, FilesUnreachable, TangerineError, Unavailable
from core.domain.types import Post

_WAITING = 5000
_AT_ONCE = 16
_NAME_LENGTH = 64
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Heard:
    """A post, where its picture is fetched, and whether it is a post that was edited.

    ``key``: by which its update waits in the memory.
    """

    post: Post
    ref: FileRef | None
    key: WaitingKey
    edited: bool = False


class PostIntake:
    """Hears posts, and takes them in one after another behind everybody who asks.

    At most ``waiting`` wait; what comes then is left out, and the log says so. ``pause_s`` is how
    long it waits, the first time, where Telegram or the encoder cannot be had. Telegram hands an
    update out once: so that a kill loses none, what may be a post is in the memory before it is
    acknowledged, and until it is taken in.
    """

    def __init__(
        self,
        commands: Commands,
        files: FileFetcher,
        memory: TelegramMemory,
        *,
        waiting: int = _WAITING,
        pause_s: float = 1.0,
    ) -> None:
        self._commands = commands
        self._files = files
        self._memory = memory
        self._pauses = Pauses(pause_s)
        self._queue: asyncio.Queue[_Heard] = asyncio.Queue(waiting)
        self._bot = 0
        self._log = structlog.get_logger("telegram")

    async def keep(self, update: Update, me: User) -> None:
        """Before an update is acknowledged: keep what may be a post."""
        said = update.message or update.channel_post
        edited = update.edited_message or update.edited_channel_post
        kept = (said is not None and self._may_be_post(said, me)) or (
            edited is not None and self._may_change_post(edited)
        )
        message = said or edited
        if kept and message is not None:
            self._bot = me.id
            await self._memory.keep_waiting(me.id, _key_of(message), update.to_json())

    async def resume(self, bot: Bot, take: Callable[[Update], Awaitable[None]]) -> None:
        """Hand on what waited when the bot was last killed."""
        self._bot = bot.id
        bodies = await self._memory.waiting(bot.id)
        updates = [Update.de_json(json.loads(body), bot) for body in bodies]
        # Side by side, so that the messages of an album meet.
        await asyncio.gather(*map(take, updates))

    async def drop(self, messages: Sequence[Message]) -> None:
        """Nothing of these messages is to be taken in."""
        await self._drop([_key_of(message) for message in messages if _picture_of(message)])

    async def hear(self, album: Sequence[Message], me: User) -> None:
        """A message, or all of an album, that is not meant for the bot."""
        community = community_of(album[0].chat.id)
        if not self._concerns(album[0], me):
            await self.drop(album)
            return
        await self._commands.name_community(community, album[0].chat.username or "")
        said = next((text for text in map(_text_of, album) if text), "")
        for message in album:
            ref = _picture_of(message)
            if ref is None:
                continue
            if await self._is_ours(message, me):
                await self.drop([message])
            else:
                await self._put(_Heard(_post_of(message, said), ref, _key_of(message)))

    async def hear_edit(self, message: Message) -> None:
        """A message that was edited, whatever it is; also where no new ones are taken in."""
        if not self._may_change_post(message):
            return
        post, ref = _post_of(message, _text_of(message)), _picture_of(message)
        if ref is None:
            post = replace(post, file_id="", file_unique_id="")
        await self._put(_Heard(post, ref, _key_of(message), edited=True))

    async def run(self) -> None:
        while True:
            heard = [await self._queue.get()]
            # Of one chat, in the order in which they came: one commit for many.
            while len(heard) < _AT_ONCE and not self._queue.empty():
                heard.append(self._queue.get_nowait())
            try:
                for some in _batches(heard):
                    await self._patiently(some)
            except Exception as error:  # noqa: BLE001 - one bad post must not end all others
                self._log.error("posts not taken in", posts=len(heard), error=type(error).__name__)
                await self._drop([each.key for each in heard])
            finally:
                for _ in heard:
                    self._queue.task_done()

    async def drained(self, seconds: float) -> None:
        """Wait until all that was heard is taken in, so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            self._log.warning("posts not taken in", posts=self._queue.qsize(), error="stopped")

    def _concerns(self, message: Message, me: User) -> bool:
        if message.chat.type == ChatType.PRIVATE or by_a_bot(message):
            return False
        origin = message.forward_origin
        if isinstance(origin, MessageOriginUser) and origin.sender_user.id == me.id:
            return False  # an answer of ours
        return self._commands.indexes_posts(community_of(message.chat.id))

    def _may_be_post(self, message: Message, me: User) -> bool:
        return _picture_of(message) is not None and self._concerns(message, me)

    def _may_change_post(self, message: Message) -> bool:
        return message.chat.type != ChatType.PRIVATE and self._commands.posts is not None

    async def _is_ours(self, message: Message, me: User) -> bool:
        return await self._memory.shown(me.id, message.chat.id, message.message_id) is not None

    async def _put(self, heard: _Heard) -> None:
        try:
            self._queue.put_nowait(heard)
        except asyncio.QueueFull:
            self._log.warning("post left out", reason=f"{self._queue.maxsize} are waiting")
            await self._drop([heard.key])

    async def _drop(self, keys: Sequence[WaitingKey]) -> None:
        if keys:
            await self._memory.drop_waiting(self._bot, keys)

    async def _patiently(self, heard: Sequence[_Heard]) -> None:
        """Take posts in. Those that cannot be had for long wait until the bot starts again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._take_in(heard)
            except (Unavailable, FilesUnreachable, TelegramError) as error:
                failure = type(error).__name__
            except TangerineError as error:
                failure = error.code
                await self._drop([each.key for each in heard])
                break
            else:
                await self._drop([each.key for each in heard])
                return
            if attempt < _ATTEMPTS:
                await asyncio.sleep(self._pauses.after(attempt))
        self._log.warning("posts not taken in", posts=len(heard), error=failure)

    async def _take_in(self, heard: Sequence[_Heard]) -> None:
        posts = self._commands.posts
        if posts is None:
            return
        if heard[0].edited and not await posts.edited(heard[0].post):
            return
        refs = {each.post: each.ref for each in heard}
        wanted, _ = await posts.wanted(list(refs))
        given = []
        for post in wanted:
            ref = refs[post]
            if ref is None:
                continue
            try:
                given.append((post, await self._files.fetch(ref)))
            except BadPicture as error:
                self._log.info("post unreadable", code=error.code)
        if given:
            await posts.add(given)


def _key_of(message: Message) -> WaitingKey:
    edited = message.edit_date
    return message.chat.id, message.message_id, int(edited.timestamp()) if edited else 0


def _batches(heard: Sequence[_Heard]) -> list[list[_Heard]]:
    """Posts that follow each other in one chat together, edited ones alone."""
    batches: list[list[_Heard]] = []
    for each in heard:
        last = batches[-1][-1] if batches else None
        if last is None or each.edited or last.edited or last.post.chat != each.post.chat:
            batches.append([])
        batches[-1].append(each)
    return batches


def _post_of(message: Message, text: str) -> Post:
    speaker, user = speaker_of(message)
    name, handle = message.author_signature or "", ""
    if user is not None:
        name, handle = user.full_name, user.username or ""
    elif message.sender_chat is not None:
        name = name or message.sender_chat.title or ""
        handle = message.sender_chat.username or ""
    whole = message.photo[-1] if message.photo else None
    file = whole or message.document or message.animation or message.video or message.video_note
    chat = community_of(message.chat.id)
    return Post(
        chat=chat,
        message=message.message_id,
        community=chat,
        author=f"{PLATFORM}:{speaker}",
        author_name=" ".join(name.split())[:_NAME_LENGTH],
        posted_at=message.date.timestamp(),
        author_handle=handle,
        caption=text,
        thread=place_of(message, reply_to=None).thread_id,
        album=message.media_group_id or "",
        # A document cannot be sent as a photo by its id (Bot API, "Sending files").
        file_id=whole.file_id if whole is not None else "",
        file_unique_id=file.file_unique_id if file is not None else "",
    )


def _picture_of(message: Message) -> FileRef | None:
    """The picture that is searched: a sticker is none, and what is covered stays covered."""
    if message.sticker is not None or message.has_media_spoiler:
        return None
    return posted_picture(message, moving=True)


def _text_of(message: Message) -> str:
    """The text below a picture; what is covered is no part of it."""
    text = message.caption or ""
    for said in message.parse_caption_entities([MessageEntity.SPOILER]).values():
        text = text.replace(said, " ")
    return text
