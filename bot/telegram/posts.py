"""Posts of groups and channels whose pictures are searched there: heard, queued, taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from telegram import Message, MessageEntity, MessageOriginUser, User
from telegram.constants import ChatType
from telegram.error import TelegramError

from bot.chat.commands import Commands
from bot.chat.supervision import Pauses
from bot.telegram.files import FileFetcher, FileRef, posted_picture
from bot.telegram.memory import TelegramMemory
from bot.telegram.messages import (
    PLATFORM,
    by_a_bot,
    community_of,
    place_of,
    speaker_of,
)
from core.domain.errors import BadPicture, TangerineError, Unavailable
from core.domain.types import Post

_WAITING = 5000
_AT_ONCE = 16
_NAME_LENGTH = 64
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Heard:
    """A post, where its picture is fetched, and whether it is a post that was edited."""

    post: Post
    ref: FileRef | None
    edited: bool = False


class PostIntake:
    """Hears posts, and takes them in one after another behind everybody who asks.

    At most ``waiting`` wait; what comes then is left out, and the log says so. ``pause_s`` is how
    long it waits, the first time, where Telegram or the encoder cannot be had.
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
        self._log = structlog.get_logger("telegram")

    async def hear(self, album: Sequence[Message], me: User) -> None:
        """A message, or all of an album, that is not meant for the bot."""
        community = community_of(album[0].chat.id)
        if not self._concerns(album[0], me):
            return
        await self._commands.name_community(community, album[0].chat.username or "")
        said = next((text for text in map(_text_of, album) if text), "")
        for message in album:
            ref = _picture_of(message)
            if ref is not None and not await self._is_ours(message, me):
                self._put(_Heard(_post_of(message, said), ref))

    async def hear_edit(self, message: Message) -> None:
        """A message that was edited, whatever it is; also where no new ones are taken in."""
        if message.chat.type == ChatType.PRIVATE or self._commands.posts is None:
            return
        post, ref = _post_of(message, _text_of(message)), _picture_of(message)
        if ref is None:
            post = replace(post, file_id="", file_unique_id="")
        self._put(_Heard(post, ref, edited=True))

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

    async def _is_ours(self, message: Message, me: User) -> bool:
        return await self._memory.shown(me.id, message.chat.id, message.message_id) is not None

    def _put(self, heard: _Heard) -> None:
        try:
            self._queue.put_nowait(heard)
        except asyncio.QueueFull:
            self._log.warning("post left out", reason=f"{self._queue.maxsize} are waiting")

    async def _patiently(self, heard: Sequence[_Heard]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._take_in(heard)
            except (Unavailable, TelegramError) as error:
                failure = type(error).__name__
            except TangerineError as error:
                failure = error.code
                break
            else:
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
    file = whole or message.document or message.animation or message.video
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
