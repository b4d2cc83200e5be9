"""Replies as the page reads them. The JSON of the contract is in :mod:`bot.protocol.json_views`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.protocol.replies import (
    Button,
    CaptionList,
    ContactSheet,
    Document,
    ErrorInfo,
    Examples,
    Facts,
    LabelBars,
    MapSheet,
    Part,
    PictureCard,
    Pictures,
    ProgressBar,
    Reply,
    Text,
)
from core.domain.types import Progress


def progress_json(collection: str, progress: Progress, text: str) -> dict[str, Any]:
    return {
        "collection": collection,
        "done": progress.done,
        "total": progress.total,
        "text": text,
    }


def reply_json(reply: Reply, link: Callable[[Document], str]) -> dict[str, Any]:
    """A neutral reply for the page; pictures are links to their routes, drawn sheets to files.

    ``link`` gives the address under which the page fetches a file.
    """
    # What comes drawn has no addresses to be fetched from: held pictures, for administrators.
    drawn = any(isinstance(part, ContactSheet) for part in reply.parts)
    parts = [part for part in reply.parts if not (drawn and isinstance(part, Pictures))]
    return {
        "parts": [_part(part, link) for part in parts],
        "buttons": [_button(button, beside=not drawn) for button in reply.buttons],
        "error": None if reply.error is None else _error(reply.error),
        "job": reply.job,
    }


def _button(button: Button, *, beside: bool) -> dict[str, Any]:
    return {
        "kind": button.kind,
        "label": button.label,
        "action": button.action,
        "subject": button.subject if beside else None,
        "needs_picture": button.needs_picture,
    }


def _error(error: ErrorInfo) -> dict[str, Any]:
    return {"code": error.code, "message": error.text, "retry_after": error.retry_after}


def _part(  # noqa: PLR0911 - one for each kind of part
    part: Part, link: Callable[[Document], str]
) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text, "style": part.style}
        case Pictures():
            return {"type": "pictures", "cards": [_card(card) for card in part.cards]}
        case CaptionList():
            return {
                "type": "captions",
                "lines": [
                    {
                        "number": line.number,
                        "caption": line.caption,
                        "score": line.score_text,
                        "thumbnail": f"/pictures/{line.picture_id}/thumbnail",
                    }
                    for line in part.lines
                ],
            }
        case LabelBars():
            return {
                "type": "labels",
                "bars": [
                    {"label": bar.label, "share": bar.probability, "value": bar.value}
                    for bar in part.bars
                ],
            }
        case ProgressBar():
            return {
                "type": "progress",
                "text": part.text,
                "done": part.done,
                "total": part.total,
            }
        case Facts():
            return {"type": "facts", "rows": [list(row) for row in part.rows]}
        case Examples():
            return {"type": "examples", "messages": list(part.messages)}
        case Document():
            return {
                "type": "document",
                "name": part.name,
                "bytes": len(part.data),
                "url": link(part),
            }
        case ContactSheet():
            return _sheet(part, link)


def _sheet(part: ContactSheet, link: Callable[[Document], str]) -> dict[str, Any]:
    name = "map.png" if isinstance(part, MapSheet) else "pictures.png"
    shown = {"url": link(Document(name, part.png, "image/png")), "alt": part.alt}
    if not isinstance(part, MapSheet):
        return {"type": "sheet", **shown}
    asked = {"collection": part.collection, "groups": part.groups, "text": part.text}
    return {"type": "map", **shown, **asked}


def _card(card: PictureCard) -> dict[str, Any]:
    return {
        "number": card.number,
        "id": card.id,
        "caption": card.caption,
        "band": card.band.value,
        "match": round(card.score, 6),
        "score": card.score_text,
        "alt": card.alt,
        "width": card.width,
        "height": card.height,
        "picture": f"/pictures/{card.id}",
        "thumbnail": f"/pictures/{card.id}/thumbnail",
        **({} if card.at_s is None else {"at_s": round(card.at_s, 3)}),
    }
