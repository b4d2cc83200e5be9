"""Every word that a user sees, in one language: English here, others by translation.

Each sentence goes through ``gettext`` with the English one as its key, so ``xgettext``
finds them all, and a catalogue of translations is all that another language needs.
"""

from __future__ import annotations

import gettext
from collections.abc import Sequence

from bot.i18n.formats import Formats
from bot.i18n.map import MapWords
from bot.i18n.menus import call, command_summaries, flags, option_summaries, usage
from bot.protocol.definitions import CommandDefinition, Option
from core.domain.clock_time import clock_time
from core.domain.errors import GENERAL_WORDS, Facts, TangerineError, filled
from core.domain.types import Band, Failure, FoundBy, Progress, ReindexReport, WordsProgress

_LINE_LETTERS = 80
"""Of a line of words in a picture: what is shown of a page of text."""


def shortened(line: str) -> str:
    """A line of words in a picture as it is shown: as much of it as there is room for."""
    return line if len(line) <= _LINE_LETTERS else f"{line[: _LINE_LETTERS - 1].rstrip()}…"


class Words:
    """The sentences of one language. ``translations`` None is English."""

    def __init__(
        self, translations: gettext.NullTranslations | None = None, *, locale: str = "en"
    ) -> None:
        translations = translations or gettext.NullTranslations()
        self.locale = locale
        self._english = locale.partition("-")[0] == "en"
        self.formats = Formats(locale)
        self._ = self.gettext = translations.gettext
        self._n = self.ngettext = translations.ngettext
        self.map = MapWords(translations, self.formats)

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
        *,
        line: str | None = None,
        at_s: float | None = None,
    ) -> str:
        """A score as a number, beside its band: never per cent, which it is not.

        Then what was found, where it was the picture, its caption or the words in it alone, with
        the ``line`` of these, and the label with which the picture is tagged. ``at_s``: where in
        a picture that moves it was found, in seconds.
        """
        said = [self.formats.decimal(score, 2)]
        if band is not None:
            said.append(self.band(band))
        if at_s is not None:
            said.append(self.at(at_s))
        if line is not None:
            # Words: stands behind a score, as in "0.31 · strong · found by words in the picture".
            found = self._("found by words in the picture: “{line}”")
            said.append(found.format(line=shortened(line)))
        elif found_by is not None and (words := self.found_by(found_by)):
            said.append(words)
        if tag is not None:
            # Words: stands behind a score, as in "0.31 · strong · label: shoe".
            said.append(self._("label: {label}").format(label=tag))
        return " · ".join(said)

    def at(self, seconds: float) -> str:
        """Where in a picture that moves, as players show it."""
        # Words: a place in a video, stands behind a score, as in "0.31 · strong · at 0:07".
        return self._("at {time}").format(time=clock_time(seconds))

    def found_by(self, found_by: FoundBy) -> str:
        """What of a picture answers a text; nothing to say where all of it does."""
        # Words: stands behind a score, as in "0.31 · strong · found by its caption".
        return {
            FoundBy.PICTURE: self._("found by its picture"),
            FoundBy.CAPTION: self._("found by its caption"),
            FoundBy.BOTH: "",
            FoundBy.WORDS: self._("found by words in the picture"),
        }[found_by]

    def band(self, band: Band) -> str:
        return {
            Band.STRONG: self._("strong"),
            Band.FAIR: self._("fair"),
            Band.WEAK: self._("weak"),
        }[band]

    def caption(self, caption: str, path: str) -> str:
        """What a picture is called: its caption, else its file's name, which a post has not."""
        return caption or path.rsplit("/", 1)[-1] or self._("Picture without a caption")

    def card_alt(self, number: int, caption: str, score: str) -> str:
        """A picture for people who do not see it."""
        return self._("Picture {number}: {caption}. Score {score}.").format(
            number=number, caption=caption.removesuffix("."), score=score
        )

    def found(self, query: str, exclude: str, first: int, last: int) -> str:
        if exclude:
            text = self._("Matches {first}–{last} for “{query}” without “{exclude}”")  # noqa: RUF001
        else:
            text = self._("Matches {first}–{last} for “{query}”")  # noqa: RUF001 - a range
        return text.format(first=first, last=last, query=query, exclude=exclude)

    def similar(self, text: str, first: int, last: int) -> str:
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
        return self._("No close match. The nearest pictures are only weakly related.")

    def no_hits(self, offset: int = 0) -> str:
        return self._("No further pictures.") if offset else self._("Nothing was found.")

    def shown_anyway(self) -> str:
        """Stands above weak matches that were asked for."""
        return self._("These matches are weak.")

    def doubtful(self) -> str:
        """Stands above weak matches of which the first may be right."""
        return self._("Not sure: no picture matches clearly. The first ones may be what you mean.")

    def reads_best(self, languages: Sequence[str]) -> str:
        """To whoever asks in another language and finds nothing close. ISO 639-1."""
        return self._("Search works best in these languages: {names}.").format(
            names=", ".join(self.formats.language_names(languages))
        )

    def first_picture_only(self, count: int) -> str:
        return self._("You sent {count} pictures; this answers the first one.").format(count=count)

    def described(self) -> str:
        return self._("Closest captions in the collection")

    # -- buttons ---------------------------------------------------------------------

    def button_next(self, count: int) -> str:
        return self._n("Next {count}", "Next {count}", count).format(count=count)

    def button_more_like(self, number: int) -> str:
        return self._("More like #{number}").format(number=number)

    def button_show_weak(self) -> str:
        return self._("Show anyway")

    def words_read(self, come: WordsProgress) -> str:
        """How many pictures were looked at for words, behind what else is said of a collection."""
        if come.read == come.total:
            # Words: behind the numbers of pictures and captions of a collection.
            text = self._("words read in {total}")
        else:
            text = self._("words read in {done} of {total}")
        return text.format(done=self.formats.whole(come.read), total=self.formats.whole(come.total))

    def words_follow(self, count: int) -> str:
        """How many pictures, which can be searched, wait to be read."""
        text = self._n(
            "The words in {count} picture are still to be read.",
            "The words in {count} pictures are still to be read.",
            count,
        )
        return text.format(count=self.formats.whole(count))

    # -- reindex and status ----------------------------------------------------------

    def progress(self, collection: str, progress: Progress) -> str:
        if progress.stage == "wait":
            text = self._("“{collection}” waits to be indexed.")
        elif progress.stage == "scan":
            text = self._n(
                "Reading the folder of “{collection}”: {done} file so far",
                "Reading the folder of “{collection}”: {done} files so far",
                progress.done,
            )
        elif progress.stage == "read":
            text = self._("Reading words in “{collection}”: {done} of {total} pictures")
        elif progress.stage == "commit":
            text = self._("Writing the index of “{collection}”")
        elif progress.total:
            text = self._("Indexing “{collection}”: {done} of {total} pictures ({percent}%)")
        else:
            text = self._n(
                "Indexing “{collection}”: {done} picture",
                "Indexing “{collection}”: {done} pictures",
                progress.done,
            )
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
        return self._("“{collection}” is already being indexed: {percent}%.").format(
            collection=collection, percent=self.percent(progress)
        )

    def so_far(self, searched: int, total: int) -> str:
        """How much was searched of a collection that is indexed for the first time."""
        return self._(
            "{searched} of {total} pictures so far; the others are being indexed."
        ).format(searched=self.formats.whole(searched), total=self.formats.whole(total))

    def sampled(self) -> str:
        """That pictures are shown as a sample of a collection that no machine can hold."""
        return self._(
            "These are some of the pictures: the collection is too large to show all of them. "
            "A search looks at every one."
        )

    def by_letters(self) -> str:
        return self._(
            "The pictures are being encoded anew for another model. Until that is done, captions "
            "and words in pictures are searched letter by letter."
        )

    def indexed(self, report: ReindexReport) -> str:
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
        words = GENERAL_WORDS.get(failure.code)
        return failure.reason if self._english or words is None else self._(words[0])

    def and_more(self, count: int) -> str:
        return self._("… and {count} more.").format(count=count)

    def pictures(self, count: int) -> str:
        number = self.formats.whole(count)
        return self._n("{count} picture", "{count} pictures", count).format(count=number)

    # -- help ------------------------------------------------------------------------

    def usage(self, command: CommandDefinition, platform: str = "") -> str:
        return usage(command, self._, platform)

    def help_row(
        self, command: CommandDefinition, *, fields: bool, platform: str
    ) -> tuple[str, str]:
        """A command and what it does, with its options behind it: short names fit a phone."""
        summary = self.summary(command)
        if fields:
            offered = (option.name for option in command.options if option.is_on(platform))
            names = self.formats.listed(offered)
            told = self._("Fields: {names}").format(names=names) if names else ""
            return self.formats.typed(f"/{command.name}"), f"{summary}. {told}".rstrip()
        options = self.formats.listed(flags(command, self._word, platform))
        told = self._("Options: {options}").format(options=options) if options else ""
        return self.formats.typed(
            call(command, self._word, platform)
        ), f"{summary}. {told}".rstrip()

    def _word(self, sentence: str) -> str:
        return self.formats.word(self._(sentence))

    def summary(self, command: CommandDefinition) -> str:
        """What a command does, at most 100 characters: Discord's bound."""
        return command_summaries(self._)[command.name]

    def option_summary(self, option: Option) -> str:
        """What an option means, at most 100 characters: Discord's bound."""
        return option_summaries(self._)[option.name]

    def generic_examples(self) -> tuple[str, ...]:
        """What to ask where the collection has no captions to learn from."""
        # Words: questions as one would type them; they are searched for as they stand.
        return (self._("orange fruits"), self._("an animal in the snow"), self._("a red car"))

    # -- errors ----------------------------------------------------------------------

    def error(self, error: TangerineError) -> tuple[str, str]:
        """Cause and remedy, in general words where the rest is the operator's business."""
        cause, remedy = error.general if error.for_operator else error.sentences
        return self._filled(cause, error.facts), self._filled(remedy, error.facts)

    def _filled(self, sentence: str, facts: Facts) -> str:
        return filled(self._(sentence), facts, self.formats.fact)

    def incident(self, incident: str) -> tuple[str, str]:
        """An error that nobody foresaw, with the id under which the log has it."""
        return (
            self._("Something went wrong here (error {incident}).").format(incident=incident),
            self._("Try again; if it stays, tell the operator this number."),
        )
