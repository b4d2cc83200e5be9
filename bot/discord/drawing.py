"""From a neutral reply to one Discord message, and its files to as many as they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from bot.discord.files import REQUEST_LIMIT, ReplyFiles, parcels
from bot.discord.layout import MessageDraft, Page, files_alone
from bot.protocol.replies import ContactSheet, Document, LabelBars, Part, Pictures, Reply
from core.domain.viewer import Viewer

_PartT = TypeVar("_PartT", bound=Part)


class Drawer:
    """Draws replies. ``words`` are those of :func:`bot.i18n.discord.drawing_words`."""

    def __init__(self, files: ReplyFiles) -> None:
        self._files = files

    async def draw(
        self,
        reply: Reply,
        words: Mapping[str, str],
        *,
        community: Viewer | str,
        caller: int,
        limit: int,
        query: bytes | None = None,
    ) -> MessageDraft:
        """The reply as a message whose buttons obey ``caller``.

        ``limit`` is the size of one file in bytes. ``query`` is the asked picture: it goes
        along where a button needs it again, so that the button outlives this process.
        """
        page = Page(reply, words, caller=caller, limit=limit)
        sheet = _first(reply.parts, ContactSheet)
        bars = _first(reply.parts, LabelBars)
        pictures = _first(reply.parts, Pictures)
        if query is not None and any(button.needs_picture for button in reply.buttons):
            page.query = await self._files.query(query, limit=min(limit, REQUEST_LIMIT // 2))
        room = REQUEST_LIMIT - len(page.query.data if page.query else b"")
        if sheet is not None:
            page.drawn(sheet.png, "sheet.png", sheet.alt, min(limit, room))
        elif pictures is not None:
            page.gallery = await self._files.gallery(
                pictures.cards, community, limit=limit, room=room
            )
        if bars is not None and bars.png is not None:
            page.drawn(bars.png, "labels.png", bars.alt, min(limit, room))
        documents = [part for part in reply.parts if isinstance(part, Document)]
        page.documents, *later = parcels(documents, limit=limit, taken=page.uploads)
        return replace(page.finish(), more=tuple(files_alone(parcel) for parcel in later))


def _first(parts: Sequence[Part], kind: type[_PartT]) -> _PartT | None:
    return next((part for part in parts if isinstance(part, kind)), None)
