"""From results to replies: what is said and in which order, in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.chat.presenters.access import AccessPresenter
from bot.chat.presenters.cards import caption_line, hit_card
from bot.chat.presenters.contribute import ContributionPresenter
from bot.chat.presenters.moderate import ModerationPresenter
from bot.chat.presenters.posts import PostPresenter
from bot.chat.presenters.privacy import PrivacyPresenter
from bot.chat.presenters.settings import CommunityPresenter
from bot.i18n.messages import Words
from bot.protocol.definitions import COMMANDS
from bot.protocol.json_views import engine_of
from bot.protocol.ports import ModelCard
from bot.protocol.replies import (
    Button,
    CaptionList,
    ErrorInfo,
    Examples,
    Facts,
    LabelBar,
    LabelBars,
    MapSheet,
    Part,
    Pictures,
    PostLine,
    ProgressBar,
    Reply,
    Text,
)
from core.domain.errors import BeingIndexed
from core.domain.types import (
    Band,
    Classification,
    CollectionStatus,
    DescribeResult,
    Failure,
    Progress,
    ReindexReport,
    SearchResult,
    SoFar,
    WordsProgress,
)
from core.search.map import CollectionMap

_SHOWN_FAILURES = 10


@dataclass(frozen=True, slots=True)
class Navigation:
    """The actions of a page's buttons, ready for :class:`bot.protocol.replies.Button`.

    ``more_like`` has one for each hit; ``next_page`` is None on the last page;
    ``needs_picture`` says that the two others only work with the asked picture.
    """

    more_like: Sequence[str]
    next_page: str | None
    show_weak: str
    count: int
    needs_picture: bool = False


class Presenter:
    """Draws up replies. Pure: no search, no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._ = words.gettext
        self._n = words.ngettext
        self.access = AccessPresenter(words)
        self.contributions = ContributionPresenter(words)
        self.community = CommunityPresenter(words)
        self.moderation = ModerationPresenter(words)
        self.privacy = PrivacyPresenter(words)
        self.posts = PostPresenter(words)

    @property
    def language(self) -> str:
        """ISO 639-1, without a country."""
        return self.words.locale.partition("-")[0]

    def matches(
        self,
        result: SearchResult,
        heading: str,
        navigation: Navigation,
        *,
        weak: bool = False,
        notes: Sequence[str] = (),
        posts: Mapping[str, PostLine] | None = None,
    ) -> Reply:
        """A page of hits with its buttons; weak ones only where ``weak`` asks for them.

        When no hit of the first page is close, it says so and offers to show them anyway; where
        the best one may be right all the same, they are shown with a word of doubt. ``posts``:
        where pictures were posted, by their ids.
        """
        letters = (self.words.by_letters(),) if result.by_letters else ()
        aside = (
            *self._so_far(result.so_far),
            *(Text(note, "note") for note in (*letters, *notes)),
        )
        if not result.hits:
            return Reply((*aside, Text(self.words.no_hits(result.offset))))
        if not result.close_match and not result.doubtful and not weak:
            show = Button(
                "show_weak",
                self.words.button_show_weak(),
                navigation.show_weak,
                needs_picture=navigation.needs_picture,
            )
            return Reply((*aside, Text(self.words.no_close_match())), (show,))
        parts: list[Part] = [Text(heading, "heading"), *aside]
        if all(hit.band is Band.WEAK for hit in result.hits):
            doubt = self.words.doubtful() if result.doubtful else self.words.shown_anyway()
            parts.append(Text(doubt, "note"))
        lines = posts or {}
        cards = (hit_card(self.words, hit, lines.get(hit.picture.id)) for hit in result.hits)
        parts.append(Pictures(tuple(cards)))
        buttons = [
            Button("more_like", self.words.button_more_like(hit.rank), action, subject=hit.rank)
            for hit, action in zip(result.hits, navigation.more_like, strict=True)
        ]
        if navigation.next_page is not None:
            buttons.append(
                Button(
                    "page",
                    self.words.button_next(navigation.count),
                    navigation.next_page,
                    needs_picture=navigation.needs_picture,
                )
            )
        return Reply(tuple(parts), tuple(buttons))

    def captions(self, result: DescribeResult, *, notes: Sequence[str] = ()) -> Reply:
        """Stored captions that match a picture, labelled as matched and not generated."""
        aside = (*self._so_far(result.so_far), *(Text(note, "note") for note in notes))
        if not result.hits:
            none = self._("This collection has no captions to compare with.")
            return Reply((*aside, Text(none)))
        lines = tuple(caption_line(self.words, hit) for hit in result.hits)
        # How describing works, so that nobody takes it for more.
        matched = self._("These captions were written for other pictures and match yours.")
        return Reply(
            (
                Text(self.words.described(), "heading"),
                *aside,
                CaptionList(lines),
                Text(matched, "note"),
            )
        )

    def labels(self, result: Classification, *, notes: Sequence[str] = ()) -> Reply:
        """The labels as bars, and a word of warning where none fits."""
        bars = tuple(
            LabelBar(s.label, s.probability, s.score, self.words.formats.decimal(s.probability, 2))
            for s in result.labels
        )
        alt = ", ".join(f"{bar.label} {bar.value}" for bar in bars)
        parts: list[Part] = [Text(self._("How well each label fits"), "heading")]
        parts += [Text(note, "note") for note in notes]
        parts.append(LabelBars(bars, alt, rtl=self.words.formats.direction == "rtl"))
        if result.none_fits:
            parts.append(Text(self._("None of these labels fits well.")))
        return Reply(tuple(parts))

    def map(
        self,
        chart: CollectionMap,
        png: bytes,
        groups: Sequence[str],
        *,
        collection: str,
        count: int,
        text: str,
    ) -> Reply:
        """A drawn map, what its axes are worth, and its ``groups`` by name.

        ``collection``, ``count`` of groups and ``text`` are what was asked for.
        """
        words = self.words.map
        title = words.title(chart.snapshot.collection, len(chart.snapshot.pictures))
        said = [self.words.sampled()] if chart.sampled else []
        said.append(words.explained(*chart.plane.explained))
        if groups:
            said.append(words.groups(groups))
        if chart.nearest:
            said.append(words.marked())
        sheet = MapSheet(png, " ".join((title + ".", *said)), collection, count, text)
        notes = (Text(each, "note") for each in said)
        return Reply((Text(title, "heading"), *notes, sheet))

    def help(
        self,
        examples: Sequence[str],
        *,
        is_admin: bool,
        may_add: bool = False,
        fields: bool = False,
        is_operator: bool = False,
        own_id: str = "",
        platform: str = "",
    ) -> Reply:
        """What this person may ask, and examples that may be sent as they are.

        ``fields``: commands are filled in as a form, as on Discord, and not written.
        ``own_id``: the person's id on the platform, where it is to be told; ``platform``: where
        it is asked.
        """
        rows = tuple(
            self.words.help_row(command, fields=fields, platform=platform)
            for command in COMMANDS
            if command.is_on(platform)
            and command.is_offered_to(is_admin=is_admin, may_add=may_add, is_operator=is_operator)
        )
        welcome = self._(
            "Describe a picture in your own words, or send one to find others like it."
        )
        parts: list[Part] = [
            Text(welcome),
            Text(self._("For example:"), "note"),
            Examples(tuple(f"/find {example}" for example in examples)),
            Facts(rows),
        ]
        if own_id:
            parts.append(Text(self._("Your id here: {id}").format(id=own_id), "note"))
        return Reply(tuple(parts))

    def status(
        self,
        model: ModelCard,
        collections: Sequence[CollectionStatus],
        words: Mapping[str, WordsProgress] | None = None,
    ) -> Reply:
        told = self._("{name}, {dimension} dimensions, on {device}").format(
            name=model.name, dimension=model.dimension, device=model.place
        )
        rows = (
            (self._("Model"), told),
            *(
                (name, self._collection(each, (words or {}).get(name)))
                for each in collections
                for name in (each.name,)
            ),
        )
        return Reply((Facts(rows),), private=True)

    def _collection(self, status: CollectionStatus, come: WordsProgress | None) -> str:
        captions = self._n("{count} caption", "{count} captions", status.captions)
        told = self._("{pictures}, {captions}, {index}, generation {n}").format(
            pictures=self.words.pictures(status.pictures),
            captions=captions.format(count=self.words.formats.whole(status.captions)),
            index=engine_of(status),
            n=status.generation,
        )
        return told if come is None else f"{told}, {self.words.words_read(come)}"

    def progress(self, collection: str, progress: Progress, *, job: str | None) -> Reply:
        """How far a reindex has come; ``job`` lets the adapter follow it."""
        return Reply((self.bar(collection, progress),), job=job)

    def already_running(self, collection: str, progress: Progress, *, job: str | None) -> Reply:
        text = Text(self.words.already_running(collection, progress))
        return Reply((text, self.bar(collection, progress)), job=job)

    def bar(self, collection: str, progress: Progress) -> ProgressBar:
        return ProgressBar(
            collection, progress.done, progress.total, self.words.progress(collection, progress)
        )

    def indexed(self, report: ReindexReport, words: WordsProgress | None = None) -> Reply:
        parts: list[Part] = [Text(self.words.indexed(report))]
        if report.unread:
            parts += self._failures(self.words.unread(len(report.unread)), report.unread)
        if report.unmatched:
            heading = self.words.unmatched(len(report.unmatched))
            parts += self._failures(heading, report.unmatched)
        if report.left_out.files:
            parts.append(Text(self.words.left_out(report.left_out.files), "note"))
        if words is not None and words.read < words.total:
            parts.append(Text(self.words.words_follow(words.total - words.read), "note"))
        return Reply(tuple(parts))

    def being_indexed(self, begun: BeingIndexed) -> Reply:
        return Reply((Text(" ".join(self.words.error(begun))),))

    def _so_far(self, so_far: SoFar | None) -> tuple[Text, ...]:
        if so_far is None:
            return ()
        return (Text(self.words.so_far(so_far.searched, so_far.total), "note"),)

    def _failures(self, heading: str, failed: Sequence[Failure]) -> list[Part]:
        shown = failed[:_SHOWN_FAILURES]
        parts: list[Part] = [
            Text(heading, "note"),
            Facts(tuple((failure.path, self.words.failure(failure)) for failure in shown)),
        ]
        if len(failed) > len(shown):
            parts.append(Text(self.words.and_more(len(failed) - len(shown)), "note"))
        return parts

    def failed(self, error: ErrorInfo) -> Reply:
        """An error as a reply for the asker's eyes only."""
        return Reply((Text(error.text),), private=True, error=error)


def keep_private(reply: Reply) -> Reply:
    """The same reply for the asker's eyes only."""
    return replace(reply, private=True)
