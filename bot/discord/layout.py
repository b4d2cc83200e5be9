"""One Discord message being laid out from top to bottom.

Replies are drawn with components (Discord's "Components V2"), not with embeds: embeds that
share a link show four pictures at most and keep captions apart from them, while a gallery
shows up to ten with a description for screen readers, a text stands wherever it belongs,
and the button "more like this" stands beside its own caption.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import discord
from discord import ui

from bot.discord.buttons import button_id
from bot.discord.files import FileUpload, Parcel, shown_from
from bot.discord.text import Budget, literal
from bot.protocol.replies import (
    Button,
    CaptionList,
    Document,
    Examples,
    Facts,
    LabelBars,
    MapSheet,
    PictureCard,
    Pictures,
    ProgressBar,
    Reply,
    Text,
)

# Bounds of one message that nobody's words can break: ten captions and their headings stay
# below the 4,000 characters of a message, escapes included.
_HEADING = 500
_CAPTION = 280
_LINE = 300
# Discord's own bounds (developers' reference, "Component Reference").
_ALT = 256
_BUTTON_LABEL = 80
_ROW = 5
_BAR = 20
_MIB = 2**20

_Item = ui.Item[Any]


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A message ready to be sent, any number of times.

    ``more`` are the files for which it has no room: messages to send behind it.
    """

    view: ui.LayoutView
    uploads: tuple[FileUpload, ...] = ()
    more: tuple[MessageDraft, ...] = ()

    def files(self) -> list[discord.File]:
        return [upload.file() for upload in self.uploads]


class Page:
    """One message being laid out.

    ``limit`` is the size of one file in bytes. ``query`` is the asked picture, ``gallery`` has
    files by the pictures' ids, ``documents`` those that go with this message.
    """

    def __init__(self, reply: Reply, words: Mapping[str, str], *, caller: int, limit: int) -> None:
        self._reply = reply
        self._words = words
        self._caller = caller
        self._limit = limit
        self._budget = Budget()
        self._items: list[_Item] = []
        self._sheet: tuple[FileUpload, str] | None = None
        # Buttons that stand beside a picture, until they are drawn there.
        self._beside = [b for b in reply.buttons if b.subject is not None]
        self._documents = 0
        self.query: FileUpload | None = None
        self.gallery: dict[str, FileUpload] = {}
        self.documents: Parcel = {}

    @property
    def uploads(self) -> tuple[FileUpload, ...]:
        drawn = [self.query, self._sheet[0] if self._sheet else None, *self.gallery.values()]
        return (*(u for u in drawn if u is not None), *self.documents.values())

    def drawn(self, png: bytes, name: str, alt: str, limit: int) -> None:
        """Use a drawing of ours, where Discord takes it, in place of what it shows."""
        if len(png) <= limit:
            self._sheet = FileUpload(name, png), alt

    def finish(self) -> MessageDraft:
        texts: list[str] = []
        draw: Mapping[type, Callable[[Any], None]] = {
            Pictures: self._pictures,
            LabelBars: self._bars,
            MapSheet: self._map,
            CaptionList: self._captions,
            Facts: self._facts,
            Examples: self._examples,
            ProgressBar: self._progress,
            Document: self._document,
        }
        for part in self._reply.parts:
            if isinstance(part, Text):
                texts.append(_styled(part))
            elif type(part) in draw:
                self._say(texts)
                draw[type(part)](part)
        self._say(texts)
        self._rows()
        return MessageDraft(_view(self._items), self.uploads)

    def _say(self, texts: list[str]) -> None:
        text = self._budget.take("\n".join(texts))
        texts.clear()
        if not text:
            return
        if self.query is not None and not self._items:
            alt = literal(self._words["your_picture"], _ALT)
            self._items.append(
                ui.Section(text, accessory=ui.Thumbnail(self.query.uri, description=alt))
            )
        else:
            self._items.append(ui.TextDisplay(text))

    def _show(self, shown: Sequence[tuple[FileUpload, str]]) -> None:
        self._show_all([(upload.uri, alt) for upload, alt in shown])

    def _show_all(self, shown: Sequence[tuple[str, str]]) -> None:
        if shown:
            items = [discord.MediaGalleryItem(uri, description=_plain(alt)) for uri, alt in shown]
            self._items.append(ui.MediaGallery(*items))

    def _pictures(self, part: Pictures) -> None:
        cards = part.cards
        if self._sheet is not None:
            self._show([self._sheet])
        else:
            places = ((self._place(card), card.alt) for card in cards)
            self._show_all([(uri, alt) for uri, alt in places if uri])
        for card in cards:
            text = self._budget.take(self._card(card))
            button = next((b for b in self._beside if b.subject == card.number), None)
            if text and button is not None:
                self._beside.remove(button)
                self._items.append(ui.Section(text, accessory=self._button(button)))
            elif text:
                self._items.append(ui.TextDisplay(text))

    def _place(self, card: PictureCard) -> str:
        """Where a picture is shown from, empty where it cannot be."""
        upload = self.gallery.get(card.id)
        return shown_from(card) or (upload.uri if upload is not None else "")

    def _card(self, card: PictureCard) -> str:
        gone = self._sheet is None and not self._place(card)
        note = f" · {self._words['picture_gone']}" if gone else ""
        caption = literal(card.caption, _CAPTION)
        lines = [f"**{card.number}** {caption}", f"-# {literal(card.score_text, _LINE)}{note}"]
        if card.post is not None:
            by = literal(card.post.text, _LINE)
            link = f" · {card.post.link}" if card.post.link else ""
            lines.append(f"-# {by}{link}")
        return "\n".join(lines)

    def _bars(self, part: LabelBars) -> None:
        if self._sheet is not None:
            self._show([self._sheet])
            return
        self._lines(
            [f"`{_bar(b.probability)}` {b.value} {literal(b.label, _LINE)}" for b in part.bars]
        )

    def _map(self, part: MapSheet) -> None:
        del part
        self._show([self._sheet] if self._sheet else [])

    def _captions(self, part: CaptionList) -> None:
        if self._sheet is not None:
            self._show([self._sheet])
        self._lines(
            [
                f"**{line.number}** {literal(line.caption, _CAPTION)}\n-# {line.score_text}"
                for line in part.lines
            ]
        )

    def _facts(self, part: Facts) -> None:
        self._lines([f"**{literal(k, _LINE)}** {literal(v, _LINE)}" for k, v in part.rows])

    def _examples(self, part: Examples) -> None:
        self._lines([f"> {literal(message, _LINE)}" for message in part.messages])

    def _progress(self, part: ProgressBar) -> None:
        lines = [literal(part.text, _LINE)]
        if part.total:
            lines.append(f"`{_bar(part.done / part.total)}`")
        self._lines(lines)

    def _document(self, part: Document) -> None:
        upload = self.documents.get(self._documents)
        self._documents += 1
        if upload is not None:
            self._items.append(ui.File(upload.uri))
        elif len(part.data) > self._limit:
            size = f"{len(part.data) / _MIB:.1f}"
            text = self._words["file_too_large"].format(name=part.name, size=size)
            self._lines([literal(text, _LINE)])

    def _lines(self, lines: list[str]) -> None:
        text = self._budget.take_lines(lines)
        if text:
            self._items.append(ui.TextDisplay(text))

    def _rows(self) -> None:
        # A section has room for one button: what is left of a picture's goes below all.
        buttons = [b for b in self._reply.buttons if b.subject is None or b in self._beside]
        loose = [self._button(b) for b in buttons]
        for start in range(0, len(loose), _ROW):
            self._items.append(ui.ActionRow(*loose[start : start + _ROW]))

    def _button(self, button: Button) -> ui.Button[Any]:
        return ui.Button(
            style=discord.ButtonStyle.secondary,
            label=_plain(button.label, _BUTTON_LABEL),
            custom_id=button_id(self._caller, button.action, in_place=_in_place(button)),
        )


def files_alone(parcel: Parcel) -> MessageDraft:
    """A message of files and nothing else."""
    uploads = tuple(parcel.values())
    return MessageDraft(_view([ui.File(upload.uri) for upload in uploads]), uploads)


def _view(items: Sequence[_Item]) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    for item in items:
        view.add_item(item)
    # The state of every button is in its id. A finished view is not kept in memory to
    # wait for presses, as the library otherwise does with each message for ever.
    view.stop()
    return view


def _in_place(button: Button) -> bool:
    # What changes something is spent once it was pressed: its message then says what became
    # of it. Beside one picture of several, the others stay to be chosen.
    return button.kind in {"remove", "restore", "add", "set", "decide"} and button.subject is None


def _styled(part: Text) -> str:
    if part.style == "heading":
        return f"### {literal(part.text, _HEADING)}"
    if part.style == "note":
        return f"-# {literal(part.text, _HEADING)}"
    return "\n".join(filter(None, (literal(part.text, 2 * _HEADING), part.link)))


def _plain(text: str, limit: int = _ALT) -> str:
    # Descriptions and labels know no markup: a backslash would show.
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _bar(share: float) -> str:
    full = round(min(max(share, 0.0), 1.0) * _BAR)
    return "█" * full + "░" * (_BAR - full)
