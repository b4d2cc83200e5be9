"""Replies to what administrators do about held pictures, in one language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.i18n.messages import Words
from bot.protocol.replies import Button, Facts, Part, PictureCard, Pictures, Reply, Text
from core.domain.choices import Strictness
from core.domain.types import Band, Picture
from core.search.moderation import (
    NEAR_DUPLICATE,
    THRESHOLDS,
    Criterion,
    Decided,
    HeldPage,
    HeldPicture,
    Reason,
    Trial,
)

_TRY = "/moderation test weapon"


@dataclass(frozen=True, slots=True)
class ReviewActions:
    """The actions of a page's buttons: one of ``approve`` and ``hide`` for each picture."""

    approve: Sequence[str]
    hide: Sequence[str]
    next_page: str | None


class ModerationPresenter:
    """Draws up replies. Pure: no search, no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._all = words
        self._words = words.moderation

    def criteria(self, criteria: Sequence[Criterion], waiting: int, review: str) -> Reply:
        """The criteria, and how many pictures wait; ``review`` is the action that shows them."""
        if not criteria:
            parts: list[Part] = [Text(self._words.no_criteria())]
        else:
            rows = tuple(self._words.criterion(each) for each in criteria)
            parts = [Text(self._words.heading(), "heading"), Facts(rows)]
        if criteria or waiting:
            parts.append(Text(self._words.waiting(waiting)))
        parts.append(Text(self._words.how_to_add(_TRY), "note"))
        return self._private(parts, self._review(waiting, review))

    def added(self, criterion: Criterion, holds: int, waiting: int, review: str) -> Reply:
        """A criterion that ``holds`` pictures from now on."""
        name, strictness = self._words.criterion(criterion)
        parts: list[Part] = [
            Text(self._words.added(criterion.text, holds)),
            Facts(((name, strictness),)),
            Text(self._words.waiting(waiting)),
        ]
        return self._private(parts, self._review(waiting, review))

    def dropped(self, criterion: Criterion) -> Reply:
        return self._private([Text(self._words.dropped(criterion.text))], ())

    def tested(self, trial: Trial) -> Reply:
        reasons = [
            HeldPicture(picture, (Reason(trial.criterion, score),)) for picture, score in trial.best
        ]
        rows = tuple(self._words.level(level, trial.pictures) for level in trial.levels)
        parts: list[Part] = [
            Text(self._words.tested(trial.criterion, trial.collection), "heading"),
            Facts(rows),
            Text(self._words.meets_most()),
            Pictures(tuple(self._card(n, each) for n, each in enumerate(reasons, start=1))),
            Text(self._words.only_tested(f"/moderation add {trial.criterion}"), "note"),
        ]
        return self._private(parts, ())

    def review(self, page: HeldPage, actions: ReviewActions) -> Reply:
        if not page.pictures:
            return self._private([Text(self._words.waiting(0))], ())
        first, last = page.offset + 1, page.offset + len(page.pictures)
        cards = [self._card(n, each) for n, each in enumerate(page.pictures, start=first)]
        parts: list[Part] = [
            Text(self._words.review(first, last, page.total), "heading"),
            Text(self._words.only_here(), "note"),
            Pictures(tuple(cards)),
        ]
        numbers = [card.number for card in cards]
        buttons = [
            Button("decide", self._words.button_approve(number), action, subject=number)
            for number, action in zip(numbers, actions.approve, strict=True)
        ]
        buttons += [
            Button("decide", self._words.button_hide(number), action, subject=number)
            for number, action in zip(numbers, actions.hide, strict=True)
        ]
        if actions.next_page is not None:
            buttons.append(Button("page", self._words.button_next(), actions.next_page))
        return self._private(parts, buttons)

    def decided(
        self, decided: Decided, *, approve: bool | None, undo: str | None, review: str
    ) -> Reply:
        """What became of a picture; ``undo`` is the action that takes the decision back."""
        caption, name = self._named(decided.picture)
        if approve is None:
            parts: list[Part] = [Text(self._words.waits_again(caption, name))]
        elif approve:
            parts = [Text(self._words.approved(caption, name))]
        else:
            parts = [
                Text(self._words.hidden(caption, name)),
                Text(self._words.file_kept(), "note"),
            ]
        parts.append(Text(self._words.waiting(decided.left), "note"))
        buttons = [] if undo is None else [Button("decide", self._words.button_undo(), undo)]
        return self._private(parts, (*buttons, *self._review(decided.left, review)))

    def upload_held(self, undo: str) -> Reply:
        """The answer to a picture that was added and is held; nothing of it is shown."""
        button = Button("remove", self._words.button_undo(), undo)
        return Reply((Text(self._words.upload_held()),), (button,))

    def restored_held(self) -> Reply:
        """The answer to a removal that was undone, of a picture that is held."""
        return self._private([Text(self._words.upload_held())], ())

    def _card(self, number: int, held: HeldPicture) -> PictureCard:
        picture, strongest = held.picture, held.reasons[0]
        caption, _ = self._named(picture)
        reasons = ", ".join(self._words.reason(reason) for reason in held.reasons)
        return PictureCard(
            number=number,
            id=picture.id,
            caption=caption,
            score=strongest.score,
            band=_band(strongest),
            score_text=reasons,
            alt=self._words.alt(number, caption, reasons),
            width=picture.width,
            height=picture.height,
        )

    def _named(self, picture: Picture) -> tuple[str, str]:
        return self._all.caption(picture.caption, picture.path), picture.id

    def _review(self, waiting: int, action: str) -> tuple[Button, ...]:
        return (Button("decide", self._words.button_review(), action),) if waiting else ()

    @staticmethod
    def _private(parts: Sequence[Part], buttons: Sequence[Button]) -> Reply:
        return Reply(tuple(parts), tuple(buttons), private=True)


def _band(reason: Reason) -> Band:
    if reason.criterion == NEAR_DUPLICATE or reason.score >= THRESHOLDS[Strictness.LOW]:
        return Band.STRONG
    return Band.FAIR if reason.score >= THRESHOLDS[Strictness.NORMAL] else Band.WEAK
