"""What a button does, as a string of at most 64 bytes that needs no memory of ours.

The string is ``<kind><count>[.<offset>][!][~][*]|<payload>``: kind ``f``ind, ``s``imilar,
``m``ore like, ``a``dd, ``r``emove, ``u``ndo a removal, ``w``ithdraw an upload or ``c``hange
a setting, pages of held pictures (``l``) and decisions about one (``y`` to approve, ``n`` to hide
it, ``v`` to take that back); count and offset in base 36; ``!`` shows weak matches, ``~`` answers
in private. The payload is text, exclude, collection and posted, separated by ``|`` and
percent-escaped.
A payload too long for a button is kept in a :class:`TextMemory`, and the string carries
``*`` and its key instead.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from cachetools import TTLCache

from bot.protocol.replies import ACTION_BYTES
from core.domain.errors import ExpiredButton
from core.domain.ports import Clock
from core.domain.rate_limits import Kind as Asked

Kind = Literal[
    "find", "similar", "more_like", "add", "remove", "restore", "withdraw", "change",
    "review", "approve", "hide", "reconsider",
]  # fmt: skip

Who = Literal["all", "adder", "admin", "operator"]
"""Everybody, those who may add pictures, administrators, or whom the settings name as such."""

WHO: Mapping[Kind, Who] = {
    "add": "adder",
    "withdraw": "adder",
    "remove": "admin",
    "restore": "admin",
    "change": "admin",
    "review": "admin",
    "approve": "admin",
    "hide": "admin",
    "reconsider": "admin",
}
"""Who may press a button of these kinds; of all others, everybody."""

QUOTA: Mapping[Kind, Asked] = {
    "find": "text",
    "more_like": "text",
    "similar": "picture",
    "add": "picture",
}
"""What a press counts as; all others cost next to nothing."""

_KINDS: dict[str, Kind] = {
    "f": "find",
    "s": "similar",
    "m": "more_like",
    "a": "add",
    "r": "remove",
    "u": "restore",
    "w": "withdraw",
    "c": "change",
    "l": "review",
    "y": "approve",
    "n": "hide",
    "v": "reconsider",
}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}
_SHAPE = re.compile(
    r"([fsmaruwclynv])([0-9a-z]{1,2})(?:\.([0-9a-z]{1,4}))?(!?)(~?)(\*?)\|(.*)", re.DOTALL
)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Action:
    """One page of one search, or one change.

    ``text`` is the query of a find, the text mixed into a similar, the caption of an add, a
    setting as ``photos:on``, and else the id of the picture that is meant. ``posted`` says which
    posts are wanted alone. ``count`` and
    ``offset`` bound a page; ``weak`` shows weak matches too. To withdraw is to take back an
    upload of one's own.
    """

    kind: Kind
    text: str = ""
    exclude: str = ""
    collection: str = ""
    count: int = 5
    offset: int = 0
    weak: bool = False
    private: bool = False
    posted: str = ""


class Memory(Protocol):
    """Keeps texts that are too long for a button, apart for each community."""

    def keep(self, community: str, text: str, requester: str) -> str:
        """A short key (at most 16 ASCII characters) under which the text is found again."""

    async def settle(self) -> None:
        """Let what was kept be found wherever a button may be pressed. Raises nothing."""

    async def recall(self, community: str, key: str) -> str | None:
        """The text, None where it was forgotten or belongs to another community.

        Raises CatalogueError.
        """


def key_of(text: str) -> str:
    """By which a :class:`Memory` finds a text again."""
    digest = hashlib.blake2b(text.encode(), digest_size=9).digest()
    return base64.urlsafe_b64encode(digest).decode()


class TextMemory:
    """A bounded ``PersonalMemory`` in this process, forgotten on restart.

    ``capacity`` texts for ``ttl_s`` seconds: the oldest go first.
    """

    name = "questions"
    kept_days = 0

    def __init__(self, clock: Clock, *, capacity: int = 10_000, ttl_s: float = 86_400.0) -> None:
        self._texts: TTLCache[tuple[str, str], _Kept] = TTLCache(capacity, ttl_s, clock.monotonic)

    def keep(self, community: str, text: str, requester: str) -> str:
        key = key_of(text)
        known = self._texts.get((community, key))
        people = known.people if known is not None else frozenset()
        self._texts[community, key] = _Kept(text, people | {requester})
        return key

    async def settle(self) -> None:
        pass

    async def recall(self, community: str, key: str) -> str | None:
        kept = self._texts.get((community, key))
        return kept.text if kept is not None else None

    async def describe(self, requester: str) -> list[dict[str, object]]:
        return [
            {"question": kept.text} for kept in self._texts.values() if requester in kept.people
        ]

    async def forget(self, requester: str) -> int:
        """Forget them; what others asked in the same words stays theirs."""
        found = [(key, kept) for key, kept in self._texts.items() if requester in kept.people]
        for key, kept in found:
            others = kept.people - {requester}
            if others:
                self._texts[key] = _Kept(kept.text, others)
            else:
                del self._texts[key]
        return len(found)


@dataclass(frozen=True, slots=True)
class _Kept:
    text: str
    people: frozenset[str]


class ActionCodec:
    """Turns actions into the strings that buttons carry, and back."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def encode(self, action: Action, community: str, requester: str = "") -> str:
        """A string of at most 64 UTF-8 bytes, for a button below an answer to ``requester``."""
        fields = [action.text, action.exclude, action.collection, action.posted]
        while fields and not fields[-1]:
            fields.pop()
        payload = "|".join(_escape(field) for field in fields)
        head = _LETTERS[action.kind] + _base36(action.count)
        head += f".{_base36(action.offset)}" if action.offset else ""
        head += ("!" if action.weak else "") + ("~" if action.private else "")
        whole = f"{head}|{payload}"
        if len(whole.encode()) <= ACTION_BYTES:
            return whole
        return f"{head}*|{self._memory.keep(community, payload, requester)}"

    async def settle(self) -> None:
        """Before encoded actions are shown: let them be decoded wherever they are pressed."""
        await self._memory.settle()

    async def decode(self, data: str, community: str) -> Action:
        """The action again. Raises ExpiredButton where it is forgotten or not ours."""
        shape = _SHAPE.fullmatch(data)
        if shape is None:
            raise ExpiredButton
        letter, count, offset, weak, private, kept, payload = shape.groups()
        if kept:
            recalled = await self._memory.recall(community, payload)
            if recalled is None:
                raise ExpiredButton
            payload = recalled
        fields = [_unescape(field) for field in payload.split("|")]
        if len(fields) > _FIELDS:
            raise ExpiredButton
        text, exclude, collection, posted = fields + [""] * (_FIELDS - len(fields))
        return Action(
            kind=_KINDS[letter],
            text=text,
            exclude=exclude,
            collection=collection,
            count=int(count, 36),
            offset=int(offset or "0", 36),
            weak=bool(weak),
            private=bool(private),
            posted=posted,
        )


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("|", "%7C")


def _unescape(text: str) -> str:
    return text.replace("%7C", "|").replace("%25", "%")


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
