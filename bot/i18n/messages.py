"""Every word that a user sees, in one language: English here, others by translation.

Each sentence goes through ``gettext`` with the English one as its key, so ``xgettext``
finds them all, and a catalogue of translations is all that another language needs.
"""

from __future__ import annotations

import gettext

from bot.i18n.access import AccessWords
from bot.i18n.contribute import ContributionWords
from bot.i18n.errors import error_words
from bot.i18n.formats import Formats
from bot.i18n.map import MapWords
from bot.i18n.menus import call, command_summaries, flags, option_summaries, usage
from bot.i18n.moderate import ModerationWords
from bot.i18n.posts import PostWords
from bot.i18n.privacy import PrivacyWords
from bot.i18n.settings import CommunityWords
from bot.protocol.definitions import CommandDefinition, Option
from bot.protocol.json_views import engine_of
from core.domain.errors import (
    CommunityUnknown,
    ReindexRunning,
    TangerineError,
    Unavailable,
    UnknownLabel,
)
from core.domain.types import Band, CollectionStatus, Failure, FoundBy, Progress, ReindexReport
from core.search.labels import NAMED


class Words:
    """The sentences of one language. ``translations`` None is English."""

    def __init__(
        self, translations: gettext.NullTranslations | None = None, *, locale: str = "en"
    ) -> None:
        translations = translations or gettext.NullTranslations()
        self.locale = locale
        self._english = locale.partition("-")[0] == "en"
        self.formats = Formats(locale)
        self._ = translations.gettext
        self._n = translations.ngettext
        self.contributions = ContributionWords(translations, self.formats)
        self.access = AccessWords(translations)
        self.community = CommunityWords(translations, self.formats)
        self.map = MapWords(translations, self.formats)
        self.moderation = ModerationWords(translations, self.formats)
        self.posts = PostWords(translations, self.formats)
        self.privacy = PrivacyWords(translations, self.formats)

    def translate(self, sentence: str) -> str:
        """The sentence in this language, for tables of words that live elsewhere."""
        return self._(sentence)

    # -- results ---------------------------------------------------------------------

    def score(
        self,
        score: float,
        band: Band | None = None,
        found_by: FoundBy | None = None,
        tag: str | None = None,
    ) -> str:
        """A score as a number, beside its band: never per cent, which it is not.

        Then what was found, where it was the picture or its caption alone, and the label with
        which the picture is tagged.
        """
        said = [self.formats.decimal(score, 2)]
        if band is not None:
            said.append(self.band(band))
        if found_by is not None and (words := self.found_by(found_by)):
            said.append(words)
        if tag is not None:
            # Words: stands behind a score, as in "0.31 · strong · label: shoe".
            said.append(self._("label: {label}").format(label=tag))
        return " · ".join(said)

    def found_by(self, found_by: FoundBy) -> str:
        """What of a picture answers a text; nothing to say where all of it does."""
        # Words: stands behind a score, as in "0.31 · strong · found by its caption".
        return {
            FoundBy.PICTURE: self._("found by its picture"),
            FoundBy.CAPTION: self._("found by its caption"),
            FoundBy.BOTH: "",
        }[found_by]

    def band(self, band: Band) -> str:
        """A band in one word."""
        return {
            Band.STRONG: self._("strong"),
            Band.FAIR: self._("fair"),
            Band.WEAK: self._("weak"),
        }[band]

    def caption(self, caption: str, path: str) -> str:
        """What a picture is called: its caption, else its file's name."""
        return caption or path.rsplit("/", 1)[-1]

    def card_alt(self, number: int, caption: str, score: str) -> str:
        """A picture for people who do not see it."""
        return self._("Picture {number}: {caption}. Score {score}.").format(
            number=number, caption=caption.removesuffix("."), score=score
        )

    def found(self, query: str, exclude: str, first: int, last: int) -> str:
        """The heading of a page of a find."""
        if exclude:
            text = self._("Matches {first}–{last} for “{query}” without “{exclude}”")  # noqa: RUF001
        else:
            text = self._("Matches {first}–{last} for “{query}”")  # noqa: RUF001 - a range
        return text.format(first=first, last=last, query=query, exclude=exclude)

    def similar(self, text: str, first: int, last: int) -> str:
        """The heading of a page of pictures like a posted one."""
        if text:
            words = self._("Similar pictures {first}–{last}, mixed with “{text}”")  # noqa: RUF001
        else:
            words = self._("Similar pictures {first}–{last}")  # noqa: RUF001 - a range
        return words.format(first=first, last=last, text=text)

    def more_like(self, caption: str, first: int, last: int) -> str:
        """The heading of a page of pictures like one of the collection."""
        return self._("More like “{caption}”, {first}–{last}").format(  # noqa: RUF001 - a range
            caption=caption.rstrip(" ."), first=first, last=last
        )

    def no_close_match(self) -> str:
        """Said instead of weak matches."""
        return self._("No close match. The nearest pictures are only weakly related.")

    def no_hits(self) -> str:
        """Said where a page is empty."""
        return self._("No further pictures.")

    def shown_anyway(self) -> str:
        """Stands above weak matches that were asked for."""
        return self._("These matches are weak.")

    def doubtful(self) -> str:
        """Stands above weak matches of which the first may be right."""
        return self._("Not sure: no picture matches clearly. The first ones may be what you mean.")

    def first_picture_only(self, count: int) -> str:
        """Said where an album was posted."""
        return self._("You sent {count} pictures; this answers the first one.").format(count=count)

    def described(self) -> str:
        """The heading of a describe."""
        return self._("Closest captions in the collection")

    def matched_not_written(self) -> str:
        """How describing works, so that nobody takes it for more."""
        return self._("These captions were written for other pictures and match yours.")

    def no_captions(self) -> str:
        """Said where the collection holds no captions."""
        return self._("This collection has no captions to compare with.")

    def classified(self) -> str:
        """The heading of a classify."""
        return self._("How well each label fits")

    def none_fits(self) -> str:
        """Said where even the best label is weak."""
        return self._("None of these labels fits well.")

    def share(self, probability: float) -> str:
        """A label's share of all labels, as a number."""
        return self.formats.decimal(probability, 2)

    # -- buttons ---------------------------------------------------------------------

    def button_next(self, count: int) -> str:
        """Shows the following page."""
        return self._n("Next {count}", "Next {count}", count).format(count=count)

    def button_more_like(self, number: int) -> str:
        """Shows pictures like one of the page."""
        return self._("More like #{number}").format(number=number)

    def button_show_weak(self) -> str:
        """Shows matches although they are weak."""
        return self._("Show anyway")

    # -- reindex and status ----------------------------------------------------------

    def progress(self, collection: str, progress: Progress) -> str:
        """How far a reindex has come."""
        if progress.stage == "scan":
            text = self._("Reading the folder of “{collection}”: {done} files so far")
        elif progress.stage == "commit":
            text = self._("Writing the index of “{collection}”")
        elif progress.total:
            text = self._("Indexing “{collection}”: {done} of {total} pictures ({percent}%)")
        else:
            text = self._("Indexing “{collection}”: {done} pictures")
        return text.format(
            collection=collection,
            done=progress.done,
            total=progress.total,
            percent=self.percent(progress),
        )

    def percent(self, progress: Progress) -> int:
        """Whole per cent, 0 where the total is unknown, 100 only when all is done."""
        return progress.done * 100 // progress.total if progress.total else 0

    def already_running(self, collection: str, progress: Progress) -> str:
        """The answer to a second reindex."""
        return self._("“{collection}” is already being indexed: {percent}%.").format(
            collection=collection, percent=self.percent(progress)
        )

    def so_far(self, searched: int, total: int) -> str:
        """How much was searched of a collection that is indexed for the first time."""
        return self._(
            "{searched} of {total} pictures so far; the others are being indexed."
        ).format(searched=self.formats.whole(searched), total=self.formats.whole(total))

    def being_indexed(self, total: int) -> str:
        """Nothing can be searched yet; ``total`` 0: nobody has counted the pictures."""
        if not total:
            return self._("Indexing has begun. Ask again in a moment.")
        return self._(
            "Indexing has begun: 0 of {total} pictures so far. Ask again in a moment."
        ).format(total=self.formats.whole(total))

    def indexed(self, report: ReindexReport) -> str:
        """What a reindex changed."""
        return self._(
            "“{collection}” is up to date after {seconds} s: {added} added, {changed} changed, "
            "{removed} removed, {unchanged} unchanged."
        ).format(
            collection=report.collection,
            seconds=self.formats.decimal(report.seconds, 1),
            added=report.added,
            changed=report.changed,
            removed=report.removed,
            unchanged=report.unchanged,
        )

    def unread(self, count: int) -> str:
        """Stands above the files that could not be read."""
        return self._n(
            "{count} file could not be read:", "{count} files could not be read:", count
        ).format(count=count)

    def unmatched(self, count: int) -> str:
        """Stands above the rows of caption tables that name no picture."""
        return self._n(
            "{count} caption belongs to no picture:",
            "{count} captions belong to no picture:",
            count,
        ).format(count=count)

    def left_out(self, count: int) -> str:
        """How many files of a folder were not taken for pictures."""
        return self._n(
            "{count} other file is no picture.", "{count} other files are no pictures.", count
        ).format(count=self.formats.whole(count))

    def failure(self, failure: Failure) -> str:
        """Why a picture could not be read: as raised in English, by code elsewhere."""
        words = error_words(self._).get(failure.code)
        return failure.reason if self._english or words is None else words[0]

    def and_more(self, count: int) -> str:
        """How many lines were left out."""
        return self._("… and {count} more.").format(count=count)

    def pictures(self, count: int) -> str:
        """A number of pictures."""
        number = self.formats.whole(count)
        return self._n("{count} picture", "{count} pictures", count).format(count=number)

    def model_row(self, name: str, dimension: int, device: str) -> tuple[str, str]:
        """The model as a line of the status."""
        return self._("Model"), self._("{name}, {dimension} dimensions, on {device}").format(
            name=name, dimension=dimension, device=device
        )

    def collection_row(self, status: CollectionStatus) -> tuple[str, str]:
        """A collection as a line of the status."""
        captions = self._n("{count} caption", "{count} captions", status.captions)
        return status.name, self._("{pictures}, {captions}, {index}, generation {n}").format(
            pictures=self.pictures(status.pictures),
            captions=captions.format(count=self.formats.whole(status.captions)),
            index=engine_of(status),
            n=status.generation,
        )

    # -- help ------------------------------------------------------------------------

    def usage(self, command: CommandDefinition) -> str:
        """One line that shows how a command is written."""
        return usage(command, self._)

    def help_row(self, command: CommandDefinition, *, fields: bool) -> tuple[str, str]:
        """A command and what it does, with its options behind it: short names fit a phone."""
        summary = self.summary(command)
        if fields:
            names = ", ".join(option.name for option in command.options)
            told = self._("Fields: {names}").format(names=names) if names else ""
            return f"/{command.name}", f"{summary}. {told}".rstrip()
        options = ", ".join(flags(command, self._))
        told = self._("Options: {options}").format(options=options) if options else ""
        return call(command, self._), f"{summary}. {told}".rstrip()

    def summary(self, command: CommandDefinition) -> str:
        """What a command does, at most 100 characters: Discord's bound."""
        return command_summaries(self._)[command.name]

    def option_summary(self, option: Option) -> str:
        """What an option means, at most 100 characters: Discord's bound."""
        return option_summaries(self._)[option.name]

    def welcome(self) -> str:
        """The first words of the help."""
        return self._("Describe a picture in your own words, or send one to find others like it.")

    def your_id(self, own_id: str) -> str:
        """The id of whoever asks, for the operator's settings."""
        return self._("Your id here: {id}").format(id=own_id)

    def try_these(self) -> str:
        """Stands above examples."""
        return self._("For example:")

    def generic_examples(self) -> tuple[str, ...]:
        """What to ask where the collection has no captions to learn from."""
        # Words: questions that are sent to the model. Most models read English alone: keep them.
        return (self._("orange fruits"), self._("an animal in the snow"), self._("a red car"))

    # -- errors ----------------------------------------------------------------------

    def error(self, error: TangerineError) -> tuple[str, str]:
        """Cause and remedy: as raised where the language is English, by code elsewhere."""
        table = error_words(self._)
        cause, remedy = table.get(error.code, table["internal"])
        if isinstance(error, UnknownLabel) and error.known:
            # Elsewhere remedies are general; here only the names help.
            names = ", ".join(error.known[:NAMED])
            remedy = self._("There are: {labels}").format(labels=names)
        if isinstance(error, CommunityUnknown) and error.community:
            return self.access.unknown(error.community)
        if self._english and not error.for_operator:
            return error.message or cause, error.remedy or remedy
        # One second is the default of errors that do not know how long; a reindex has no end
        # that anybody could name.
        if (
            isinstance(error, Unavailable)
            and error.retry_after > 1
            and not isinstance(error, ReindexRunning)
        ):
            remedy = self.retry(error.retry_after)
        return cause, remedy

    def retry(self, seconds: float) -> str:
        """When to try again, counted from now."""
        # Words: {when} reads as “in 3 seconds”, inflected by the language's own rules.
        return self._("Try again {when}.").format(when=self.formats.until(seconds))

    def incident(self, incident: str) -> tuple[str, str]:
        """An error that nobody foresaw, with the id under which the log has it."""
        return (
            self._("Something went wrong here (error {incident}).").format(incident=incident),
            self._("Try again; if it stays, tell the operator this number."),
        )
