"""Plain text within Telegram's limits, which count UTF-16 units and see mentions everywhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from bot.protocol.replies import (
    CaptionList,
    Examples,
    Facts,
    LabelBars,
    Part,
    PictureCard,
    ProgressBar,
    Reply,
    Text,
)

MESSAGE_UNITS = 4096
"""The longest message in UTF-16 units (Bot API, "sendMessage")."""

CAPTION_UNITS = 1024
"""The longest caption in UTF-16 units (Bot API, "sendPhoto")."""

ALERT_UNITS = 200
"""The longest answer to a press of a button (Bot API, "answerCallbackQuery")."""

# A described caption of this length leaves room for ten of them in one message.
_LINE_UNITS = 360
_BAR_CELLS = 12
_NAME_UNITS = 24
_BEYOND_BMP = 0xFFFF
# Without a parse_mode Telegram still links these, and a linked name notifies its owner.
_MENTION = re.compile(r"@(?=\w)")
_WORD_JOINER = "\u2060"
# Overrides turn round all that follows them on a line; no written language needs them.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202d\u202e]")
_JOINERS = {"\u200d", "\ufe0f"}


def units(text: str) -> int:
    """The length as Telegram counts it: UTF-16 units."""
    return len(text) + sum(ord(character) > _BEYOND_BMP for character in text)


def cut(text: str, limit: int) -> str:
    """The text, cut with an ellipsis so that it takes at most ``limit`` UTF-16 units.

    Neither a character beyond the first plane nor a base with its marks is torn apart.
    """
    if units(text) <= limit:
        return text
    taken, end = 1, 0
    for character in text:
        taken += 2 if ord(character) > _BEYOND_BMP else 1
        if taken > limit:
            break
        end += 1
    while 0 < end < len(text) and _belongs_to_the_last(text, end):
        end -= 1
    return text[:end].rstrip() + "…" if limit > 0 else ""


def _belongs_to_the_last(text: str, index: int) -> bool:
    character = text[index]
    joined = character in _JOINERS or text[index - 1] == "\u200d"
    return joined or unicodedata.combining(character) != 0


def plain(text: str) -> str:
    """The text as Telegram shows it: no mention is linked, no control character is left."""
    whole = text.replace("\r\n", "\n").encode(errors="replace").decode()
    return _MENTION.sub(f"@{_WORD_JOINER}", _UNWANTED.sub("", whole))


def one_line(text: str) -> str:
    return " ".join(text.split())


def card_caption(card: PictureCard, head: str = "") -> str:
    """The caption of one picture: its number, its caption and its score, below ``head``."""
    first = f"{head}\n\n" if head else ""
    score = plain(card.score_text)
    if card.post is not None:
        score = "\n".join(filter(None, (score, plain(card.post.text), card.post.link)))
    number = f"{card.number}. "
    room = CAPTION_UNITS - units(first) - units(number) - units(score) - 1
    return f"{first}{number}{cut(plain(card.caption), room)}\n{score}"


def card_lines(cards: Sequence[PictureCard], room: int) -> str:
    """One line for each picture, all of them in ``room`` UTF-16 units."""
    lines = []
    for left, card in zip(range(len(cards), 0, -1), cards, strict=True):
        number, score = f"{card.number}. ", f" · {plain(card.score_text)}"
        share = room // left - 1
        if card.post is not None:
            # The link is what leads on: who and when give way to it.
            link = f" · {card.post.link}" if card.post.link else ""
            by = cut(plain(card.post.text), share - units(number + score + link) - 3)
            score += (f" · {by}" if by else "") + link
        caption = cut(plain(one_line(card.caption)), share - units(number) - units(score))
        lines.append(number + caption + score)
        room -= units(lines[-1]) + 1
    return "\n".join(lines)


def sheet_caption(head: str, cards: Sequence[PictureCard]) -> str:
    """The caption of a contact sheet: ``head`` and one line for each picture on it."""
    head = cut(head, CAPTION_UNITS // 2)
    room = CAPTION_UNITS - units(head) - 2
    return "\n\n".join(filter(None, (head, card_lines(cards, room))))


def text_of(reply: Reply) -> str:
    """All that is said in words besides the pictures; may be longer than one message."""
    return "\n\n".join(filter(None, (_part(part) for part in reply.parts)))


def _part(part: Part) -> str:  # noqa: PLR0911 - one for each kind of part
    match part:
        case Text():
            return "\n".join(filter(None, (plain(part.text), part.link)))
        case CaptionList():
            return "\n".join(
                f"{line.number}. {cut(plain(one_line(line.caption)), _LINE_UNITS)}"
                f" · {plain(line.score_text)}"
                for line in part.lines
            )
        case LabelBars():
            return "\n".join(
                f"{_bar(bar.probability)} {plain(one_line(bar.label))} · {plain(bar.value)}"
                for bar in part.bars
            )
        case ProgressBar():
            bar = f"{_bar(part.done / part.total)}\n" if part.total else ""
            return bar + plain(part.text)
        case Facts():
            return "\n".join(_facts(part.rows))
        case Examples():
            return "\n".join(plain(message) for message in part.messages)
        case _:
            return ""


def _facts(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    # Usages of commands stand on lines of their own, and what they do below; a number beside
    # however long a name.
    are_long = any(min(units(name), units(value)) > _NAME_UNITS for name, value in rows)
    between = "\n    " if are_long else ": "
    for name, value in rows:
        yield plain(f"{cut(one_line(name), _LINE_UNITS)}{between}{cut(value, _LINE_UNITS)}")


def _bar(share: float) -> str:
    filled = round(min(max(share, 0.0), 1.0) * _BAR_CELLS)
    return "▰" * filled + "▱" * (_BAR_CELLS - filled)
