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
    Level,
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
        self._words = words
        self._ = words.gettext
        self._n = words.ngettext
        self._formats = words.formats

    def criteria(self, criteria: Sequence[Criterion], waiting: int, review: str) -> Reply:
        """The criteria, and how many pictures wait; ``review`` is the action that shows them."""
        _ = self._
        if not criteria:
            nothing = _("There are no criteria here, so nothing is held back.")
            parts: list[Part] = [Text(nothing)]
        else:
            rows = tuple(self._criterion(each) for each in criteria)
            parts = [Text(_("What I hold back here"), "heading"), Facts(rows)]
        if criteria or waiting:
            parts.append(Text(self._waiting(waiting)))
        how = _("Try a criterion before you add it, as: {example}").format(example=_TRY)
        parts.append(Text(how, "note"))
        return self._private(parts, self._review(waiting, review))

    def added(self, criterion: Criterion, holds: int, waiting: int, review: str) -> Reply:
        """A criterion that ``holds`` pictures from now on."""
        added = self._n(
            "“{criterion}” holds {count} picture now, and those to come.",
            "“{criterion}” holds {count} pictures now, and those to come.",
            holds,
        ).format(criterion=criterion.text, count=self._formats.whole(holds))
        parts: list[Part] = [
            Text(added),
            Facts((self._criterion(criterion),)),
            Text(self._waiting(waiting)),
        ]
        return self._private(parts, self._review(waiting, review))

    def dropped(self, criterion: Criterion) -> Reply:
        dropped = self._(
            "“{criterion}” holds nothing any more. What you removed under it stays hidden."
        )
        return self._private([Text(dropped.format(criterion=criterion.text))], ())

    def tested(self, trial: Trial) -> Reply:
        _ = self._
        best = [
            HeldPicture(picture, (Reason(trial.criterion, score),)) for picture, score in trial.best
        ]
        heading = _("What “{criterion}” would hold in “{collection}”").format(
            criterion=trial.criterion, collection=trial.collection
        )
        add = _("Nothing was held by this test. To hold them: {example}").format(
            example=f"/moderation add {trial.criterion}"
        )
        parts: list[Part] = [
            Text(heading, "heading"),
            Facts(tuple(self._level(level, trial.pictures) for level in trial.levels)),
            Text(_("These meet it most:")),
            Pictures(tuple(self._card(n, each) for n, each in enumerate(best, start=1))),
            Text(add, "note"),
        ]
        return self._private(parts, ())

    def review(self, page: HeldPage, actions: ReviewActions) -> Reply:
        if not page.pictures:
            return self._private([Text(self._waiting(0))], ())
        _, first, last = self._, page.offset + 1, page.offset + len(page.pictures)
        heading = _("Held pictures {first}–{last} of {total}").format(  # noqa: RUF001 - a range
            first=first, last=last, total=self._formats.whole(page.total)
        )
        cards = [self._card(n, each) for n, each in enumerate(page.pictures, start=first)]
        parts: list[Part] = [
            Text(heading, "heading"),
            Text(_("Nobody sees them anywhere else until you approve them."), "note"),
            Pictures(tuple(cards)),
        ]
        buttons = [
            Button("decide", label.format(number=card.number), action, subject=card.number)
            for label, decisions in (
                (_("Approve #{number}"), actions.approve),
                (_("Remove #{number}"), actions.hide),
            )
            for card, action in zip(cards, decisions, strict=True)
        ]
        if actions.next_page is not None:
            buttons.append(Button("page", _("More held pictures"), actions.next_page))
        return self._private(parts, buttons)

    def decided(
        self, decided: Decided, *, approve: bool | None, undo: str | None, review: str
    ) -> Reply:
        """What became of a picture; ``undo`` is the action that takes the decision back."""
        _, picture = self._, decided.picture
        if approve is None:
            told = _("As before your decision: {caption} (id {id}).")
        elif approve:
            told = _("Approved and shown again: {caption} (id {id}).")
        else:
            told = _("Removed from every answer here: {caption} (id {id}).")
        caption = self._caption(picture).rstrip(" .")
        parts: list[Part] = [Text(told.format(caption=caption, id=picture.id))]
        if approve is False:
            kept = _("Its file was not deleted. What is nearly the same is held, too.")
            parts.append(Text(kept, "note"))
        parts.append(Text(self._waiting(decided.left), "note"))
        buttons = [] if undo is None else [Button("decide", _("Undo"), undo)]
        return self._private(parts, (*buttons, *self._review(decided.left, review)))

    def upload_held(self, undo: str) -> Reply:
        """The answer to a picture that was added and is held; nothing of it is shown."""
        return Reply((self._held(),), (Button("remove", self._("Undo"), undo),))

    def restored_held(self) -> Reply:
        """The answer to a removal that was undone, of a picture that is held."""
        return self._private([self._held()], ())

    def _held(self) -> Text:
        return Text(self._("Your picture was kept, but an administrator has to approve it first."))

    def _card(self, number: int, held: HeldPicture) -> PictureCard:
        picture, strongest = held.picture, held.reasons[0]
        caption = self._caption(picture)
        reasons = ", ".join(self._reason(reason) for reason in held.reasons)
        alt = self._("Picture {number}: {caption}. Held for {reasons}.").format(
            number=number, caption=caption.removesuffix("."), reasons=reasons
        )
        return PictureCard(
            number=number,
            id=picture.id,
            caption=caption,
            score=strongest.score,
            band=_band(strongest),
            score_text=reasons,
            alt=alt,
            width=picture.width,
            height=picture.height,
        )

    def _caption(self, picture: Picture) -> str:
        return self._words.caption(picture.caption, picture.path)

    def _reason(self, reason: Reason) -> str:
        number = self._formats.decimal(reason.score, 2)
        if reason.criterion == NEAR_DUPLICATE:
            return self._("like one you removed, {score}").format(score=number)
        return f"{self._('“{text}”').format(text=reason.criterion)} {number}"

    def _criterion(self, criterion: Criterion) -> tuple[str, str]:
        value = self._strictness(criterion.strictness)
        if criterion.age:
            value = self._("{strictness}; shown in age-restricted channels").format(
                strictness=value
            )
        return self._("“{text}”").format(text=criterion.text), value

    def _strictness(self, strictness: Strictness) -> str:
        return {
            Strictness.LOW: self._("low strictness"),
            Strictness.NORMAL: self._("normal strictness"),
            Strictness.HIGH: self._("high strictness"),
        }[strictness]

    def _level(self, level: Level, total: int) -> tuple[str, str]:
        """What a strictness would hold, and how right that was so far."""
        whole = self._formats.whole
        value = self._("{held} of {total}").format(held=whole(level.held), total=whole(total))
        if level.precision is not None:
            value = self._(
                "{value}; of {decided} that you decided about, {removed} had to go "
                "(precision {precision})"
            ).format(
                value=value,
                decided=whole(level.removed + level.approved),
                removed=whole(level.removed),
                precision=self._formats.decimal(level.precision, 2),
            )
        return self._strictness(level.strictness), value

    def _waiting(self, count: int) -> str:
        if not count:
            return self._("Nothing waits for a decision.")
        return self._n(
            "{count} picture waits for a decision.", "{count} pictures wait for a decision.", count
        ).format(count=self._formats.whole(count))

    def _review(self, waiting: int, action: str) -> tuple[Button, ...]:
        return (Button("decide", self._("Review what is held"), action),) if waiting else ()

    @staticmethod
    def _private(parts: Sequence[Part], buttons: Sequence[Button]) -> Reply:
        return Reply(tuple(parts), tuple(buttons), private=True)


def _band(reason: Reason) -> Band:
    if reason.criterion == NEAR_DUPLICATE or reason.score >= THRESHOLDS[Strictness.LOW]:
        return Band.STRONG
    return Band.FAIR if reason.score >= THRESHOLDS[Strictness.NORMAL] else Band.WEAK
