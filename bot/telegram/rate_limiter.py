"""Rate limits: what Telegram allows a bot to send, and retries where it or the network refuses."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
from cachetools import LRUCache, TTLCache
from telegram.error import BadRequest, NetworkError, RetryAfter, TimedOut
from telegram.ext import AIORateLimiter

from core.domain.ports import Clock

GROUP_MESSAGES = 20
"""Messages a minute in one group (Telegram's "Bots FAQ"); an album counts each picture."""

_MINUTE_S = 60.0
_RETRIES = 4
_CHATS = 10_000
# Messages of a group's minute that are left to those who had fewer than three answers in it.
_RESERVED = 5
_FEW = 3
_LOOK_EVERY_S = 0.5
PAUSES_S = (0.3, 1.0, 3.0)
"""Seconds before each further attempt after a failed connection or a 5xx."""

# They name a chat and put no message into it, so they take nothing from its budget.
_NO_MESSAGES = {"sendChatAction", "getChatMember", "getChatAdministrators", "getChat"}
# They are asked within an answer: one that is refused is left out, and holds up nothing.
_QUESTIONS = {"setMessageReaction"}

Callback = Callable[..., Coroutine[Any, Any, bool | dict[str, Any] | list[dict[str, Any]]]]


class GroupBudget:
    """Counts the messages of the last minute in each group, private chats excepted.

    ``remembered`` groups are known at a time; the idle ones go first.
    """

    def __init__(self, clock: Clock, *, remembered: int = 10_000) -> None:
        self._clock = clock
        self._sent: LRUCache[int, deque[float]] = LRUCache(remembered)

    def spend(self, chat_id: int, messages: int = 1) -> None:
        """Count messages; private chats have positive ids and no budget."""
        if chat_id < 0:
            times = self._sent.setdefault(chat_id, deque(maxlen=GROUP_MESSAGES))
            times.extend([self._clock.monotonic()] * messages)

    def has_room(self, chat_id: int, messages: int) -> bool:
        """Whether so many messages fit into this minute."""
        since = self._clock.monotonic() - _MINUTE_S
        spent = sum(time > since for time in self._sent.get(chat_id, ()))
        return chat_id > 0 or spent + messages <= GROUP_MESSAGES


class GroupTurns:
    """Whose answer goes out next in a group.

    The last five messages of each minute are left to people who had fewer than three answers
    in it: whoever floods a group waits for room, and nobody else behind them. ``has_room``
    tells whether a chat takes so many more messages now.
    """

    def __init__(
        self, has_room: Callable[[int, int], bool], clock: Clock, *, remembered: int = _CHATS
    ) -> None:
        self._has_room = has_room
        self._clock = clock
        self._answered: LRUCache[tuple[int, int], deque[float]] = LRUCache(remembered)
        self._coming: Counter[int] = Counter()

    def spare(self, chat_id: int) -> bool:
        """Whether a chat has room for what nobody misses: refusals, answers unasked."""
        return self._has_room(chat_id, self._coming[chat_id] + 1 + _RESERVED)

    async def turn(self, chat_id: int, person: int) -> None:
        """Return once a person's answer may go out; in private that is now."""
        if chat_id > 0:
            return
        times = self._answered.setdefault((chat_id, person), deque(maxlen=_FEW))
        while len(times) == _FEW and self._clock.monotonic() - times[0] < _MINUTE_S:
            if self.spare(chat_id):
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        times.append(self._clock.monotonic())

    @contextmanager
    def coming(self, chat_id: int) -> Iterator[None]:
        self._coming[chat_id] += 1
        try:
            yield
        finally:
            self._coming[chat_id] -= 1
            if not self._coming[chat_id]:
                del self._coming[chat_id]


class PatientLimiter(AIORateLimiter):
    """Paces requests, waits as long as a 429 says, and asks again after a failed connection.

    A 429 that concerns one chat holds up that chat alone, whose other requests wait as well
    instead of being refused in turn. A wait of more than ``longest_s`` seconds is not begun:
    nobody would read the answer. A request that timed out while Telegram worked on it is not
    repeated: it may have been obeyed. One that could not be sent, a reset and a 5xx are,
    after each of ``pauses_s``.
    """

    def __init__(self, pauses_s: Sequence[float] = PAUSES_S, *, longest_s: float = 120.0) -> None:
        # The base's own retries would make every chat wait for the one that was refused.
        super().__init__(group_max_rate=GROUP_MESSAGES, max_retries=0)
        self._pauses_s = tuple(pauses_s)
        self._longest_s = longest_s
        self._free_at: TTLCache[object, float] = TTLCache(_CHATS, longest_s)

    async def process_request(  # noqa: PLR0917 - the library's signature
        self,
        callback: Callback,
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> bool | dict[str, Any] | list[dict[str, Any]]:
        """See :class:`telegram.ext.BaseRateLimiter`; raises what the last attempt raised."""
        if endpoint in _QUESTIONS:
            return await callback(*args, **kwargs)
        paced = {} if endpoint in _NO_MESSAGES else data

        async def patient(*args: Any, **kwargs: Any) -> Any:
            return await self._wait_and_call(data.get("chat_id"), callback, args, kwargs)

        for pause in self._pauses_s:
            try:
                return await super().process_request(
                    patient, args, kwargs, endpoint, paced, rate_limit_args
                )
            except NetworkError as error:
                if not _worth_repeating(error):
                    raise
            await asyncio.sleep(pause)
        return await super().process_request(
            patient, args, kwargs, endpoint, paced, rate_limit_args
        )

    async def _wait_and_call(
        self, chat: object, callback: Callback, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Call once the chat is free, and again after each 429, five times in all."""
        for left in reversed(range(_RETRIES + 1)):
            await self._until_free(chat)
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as error:
                wait = seconds_of(error)
                if not left or wait > self._longest_s:
                    raise
                # A tenth more: Telegram rounds, and a call that is too early costs another wait.
                self._free_at[chat] = time.monotonic() + wait + 0.1
        raise AssertionError("unreachable")

    def holds_up(self, chat: object) -> bool:
        return bool(self._free_at.get(chat, 0.0) > time.monotonic())

    async def _until_free(self, chat: object) -> None:
        # Another waiter may have been refused once more: check again.
        while (wait := self._free_at.get(chat, 0.0) - time.monotonic()) > 0:  # noqa: ASYNC110 - a deadline
            await asyncio.sleep(wait)


def seconds_of(error: RetryAfter) -> float:
    """How long Telegram wants a bot to wait."""
    # A timedelta in the library's next version, a number of seconds until then.
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def _worth_repeating(error: NetworkError) -> bool:
    if isinstance(error, BadRequest):
        return False
    if isinstance(error, TimedOut):
        return isinstance(error.__cause__, httpx.ConnectTimeout | httpx.PoolTimeout)
    return True
