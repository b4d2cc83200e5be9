"""The words of moderation, in one language."""

from __future__ import annotations

import gettext

from bot.i18n.formats import Formats
from core.domain.choices import Strictness
from core.search.moderation import NEAR_DUPLICATE, Criterion, Level, Reason


class ModerationWords:
    """What administrators are told of criteria and of what these hold back."""

    def __init__(self, translations: gettext.NullTranslations, formats: Formats) -> None:
        self._ = translations.gettext
        self._n = translations.ngettext
        self._formats = formats

    def heading(self) -> str:
        return self._("What I hold back here")

    def no_criteria(self) -> str:
        return self._("There are no criteria here, so nothing is held back.")

    def how_to_add(self, example: str) -> str:
        return self._("Try a criterion before you add it, as: {example}").format(example=example)

    def criterion(self, criterion: Criterion) -> tuple[str, str]:
        """A criterion as a line of the list."""
        value = self.strictness(criterion.strictness)
        if criterion.age:
            value = self._("{strictness}; shown in age-restricted channels").format(
                strictness=value
            )
        return f"“{criterion.text}”", value

    def strictness(self, strictness: Strictness) -> str:
        return {
            Strictness.LOW: self._("low strictness"),
            Strictness.NORMAL: self._("normal strictness"),
            Strictness.HIGH: self._("high strictness"),
        }[strictness]

    def waiting(self, count: int) -> str:
        """How many pictures nobody sees until somebody has decided."""
        if not count:
            return self._("Nothing waits for a decision.")
        return self._n(
            "{count} picture waits for a decision.", "{count} pictures wait for a decision.", count
        ).format(count=self._formats.whole(count))

    def added(self, criterion: str, count: int) -> str:
        return self._n(
            "“{criterion}” holds {count} picture now, and those to come.",
            "“{criterion}” holds {count} pictures now, and those to come.",
            count,
        ).format(criterion=criterion, count=self._formats.whole(count))

    def dropped(self, criterion: str) -> str:
        return self._(
            "“{criterion}” holds nothing any more. What you removed under it stays hidden."
        ).format(criterion=criterion)

    def tested(self, criterion: str, collection: str) -> str:
        return self._("What “{criterion}” would hold in “{collection}”").format(
            criterion=criterion, collection=collection
        )

    def level(self, level: Level, total: int) -> tuple[str, str]:
        """What a strictness would hold, and how right that was so far."""
        value = self._("{held} of {total}").format(
            held=self._formats.whole(level.held), total=self._formats.whole(total)
        )
        if level.precision is not None:
            value = self._(
                "{value}; of {decided} that you decided about, {removed} had to go "
                "(precision {precision})"
            ).format(
                value=value,
                decided=self._formats.whole(level.removed + level.approved),
                removed=self._formats.whole(level.removed),
                precision=self._formats.decimal(level.precision, 2),
            )
        return self.strictness(level.strictness), value

    def meets_most(self) -> str:
        """Stands above the pictures that meet a criterion most."""
        return self._("These meet it most:")

    def only_tested(self, example: str) -> str:
        return self._("Nothing was held by this test. To hold them: {example}").format(
            example=example
        )

    def review(self, first: int, last: int, total: int) -> str:
        return self._("Held pictures {first}–{last} of {total}").format(  # noqa: RUF001 - a range
            first=first, last=last, total=self._formats.whole(total)
        )

    def only_here(self) -> str:
        return self._("Nobody sees them anywhere else until you approve them.")

    def reason(self, reason: Reason) -> str:
        number = self._formats.decimal(reason.score, 2)
        if reason.criterion == NEAR_DUPLICATE:
            return self._("like one you removed, {score}").format(score=number)
        return f"“{reason.criterion}” {number}"

    def alt(self, number: int, caption: str, reasons: str) -> str:
        """A held picture for people who do not see it."""
        return self._("Picture {number}: {caption}. Held for {reasons}.").format(
            number=number, caption=caption.removesuffix("."), reasons=reasons
        )

    def approved(self, caption: str, picture_id: str) -> str:
        return self._("Approved and shown again: {caption} (id {id}).").format(
            caption=caption.rstrip(" ."), id=picture_id
        )

    def hidden(self, caption: str, picture_id: str) -> str:
        return self._("Removed from every answer here: {caption} (id {id}).").format(
            caption=caption.rstrip(" ."), id=picture_id
        )

    def file_kept(self) -> str:
        """Said below it."""
        return self._("Its file was not deleted. What is nearly the same is held, too.")

    def waits_again(self, caption: str, picture_id: str) -> str:
        """Said of a picture about which nothing is decided any more."""
        return self._("As before your decision: {caption} (id {id}).").format(
            caption=caption.rstrip(" ."), id=picture_id
        )

    def upload_held(self) -> str:
        """Said to somebody who added what a criterion holds."""
        return self._("Your picture was kept, but an administrator has to approve it first.")

    def button_approve(self, number: int) -> str:
        return self._("Approve #{number}").format(number=number)

    def button_hide(self, number: int) -> str:
        return self._("Remove #{number}").format(number=number)

    def button_next(self) -> str:
        return self._("More held pictures")

    def button_review(self) -> str:
        return self._("Review what is held")

    def button_undo(self) -> str:
        return self._("Undo")
