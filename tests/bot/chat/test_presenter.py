"""Every word a user sees."""

from __future__ import annotations

import re
import string
from dataclasses import replace

import pytest

from bot.chat.presenters.cards import hit_card
from bot.chat.presenters.search import Navigation, Presenter
from bot.i18n.menus import command_summaries, option_summaries
from bot.i18n.messages import Words
from bot.i18n.page import page_words
from bot.protocol.definitions import COMMANDS
from bot.protocol.ports import ModelCard
from bot.protocol.replies import (
    CaptionList,
    Examples,
    Facts,
    LabelBars,
    Pictures,
    ProgressBar,
    Reply,
    Text,
)
from core.domain.types import (
    Band,
    CaptionHit,
    Classification,
    CollectionStatus,
    DescribeResult,
    Failure,
    FoundBy,
    Hit,
    LabelScore,
    LeftOut,
    Picture,
    Progress,
    ReindexReport,
    SearchResult,
    WordsProgress,
)
from tests.reply_texts import text_of

WORDS = Words()
PRESENTER = Presenter(WORDS)


def picture(number: int, caption: str = "") -> Picture:
    """A picture of the stamps."""
    return Picture(f"id{number}", "stamps", f"food/{number}.png", caption, "00", 40, 30)


def result(*bands: Band, close: bool = True, offset: int = 0) -> SearchResult:
    """A page of hits with these bands."""
    hits = tuple(
        Hit(offset + n, picture(n, f"caption {n}"), 0.4 - n / 10, band, match=0.5 - n / 10)
        for n, band in enumerate(bands, start=1)
    )
    return SearchResult("x", "stamps", hits, offset, has_more=True, close_match=close)


def navigation(count: int, next_page: str | None = "next") -> Navigation:
    """Actions for a page of so many hits."""
    return Navigation([f"like{n}" for n in range(count)], next_page, "weak", 5)


def part(reply: Reply, kind: type) -> object:
    """The first part of this kind."""
    return next(p for p in reply.parts if isinstance(p, kind))


@pytest.mark.parametrize(
    ("score", "band", "text"),
    [
        (0.3149, Band.STRONG, "0.31 · strong"),
        (0.2, Band.FAIR, "0.20 · fair"),
        (-0.001, Band.WEAK, "0.00 · weak"),
        (-0.25, None, "-0.25"),
    ],
)
def test_a_score_is_a_number_beside_its_band(score: float, band: Band | None, text: str) -> None:
    """Scores are cosines in two digits with a word, never per cent, never minus zero."""
    assert WORDS.score(score, band) == text


def test_a_hit_shows_the_line_that_was_found() -> None:
    """As much of it as a page has room for, and never as the caption."""
    hit = Hit(1, picture(7), 0.2, Band.FAIR, FoundBy.WORDS, match=0.5, text="NO ENTRY")
    shown = hit_card(WORDS, hit)
    assert shown.score_text == "0.50 · fair · found by words in the picture: “NO ENTRY”"
    assert "NO ENTRY" in shown.alt
    assert "NO ENTRY" not in shown.caption
    long = hit_card(WORDS, replace(hit, text="word " * 50)).score_text
    assert long.endswith("word…”")
    assert len(long) < 160


def test_a_hit_says_whether_picture_or_caption_was_found() -> None:
    """Behind score and band, where both were searched; nothing where pictures alone were."""
    said = {
        found_by: hit_card(
            WORDS, Hit(1, picture(7), 0.2, Band.FAIR, found_by, match=0.5)
        ).score_text
        for found_by in (*FoundBy, None)
    }
    assert said == {
        FoundBy.PICTURE: "0.50 · fair · found by its picture",
        FoundBy.CAPTION: "0.50 · fair · found by its caption",
        FoundBy.BOTH: "0.50 · fair",
        FoundBy.WORDS: "0.50 · fair · found by words in the picture",
        None: "0.50 · fair",
    }


def test_a_caption_that_ends_as_a_sentence_is_read_as_one() -> None:
    """A screen reader hears one full stop, whether the caption has its own or not."""
    for caption in ("An orange", "An orange."):
        assert Words().card_alt(1, caption, "0.53") == "Picture 1: An orange. Score 0.53."


def test_a_page_has_cards_and_ways_on() -> None:
    """Each hit gets number, caption, score and a button of its own; the page gets its next."""
    reply = PRESENTER.matches(result(Band.STRONG, Band.WEAK), "Heading", navigation(2))
    assert reply.parts[0] == Text("Heading", "heading")
    cards = part(reply, Pictures).cards
    assert [(c.number, c.caption, c.score_text) for c in cards] == [
        (1, "caption 1", "0.40 · strong"),
        (2, "caption 2", "0.30 · weak"),
    ]
    assert cards[0].alt == "Picture 1: caption 1. Score 0.40 · strong."
    assert [(b.kind, b.label, b.action, b.subject) for b in reply.buttons] == [
        ("more_like", "More like #1", "like0", 1),
        ("more_like", "More like #2", "like1", 2),
        ("page", "Next 5", "next", None),
    ]


def test_weak_matches_are_hidden_until_asked_for() -> None:
    """Without a close match nothing is shown as if it matched; one may see it anyway."""
    weak = result(Band.WEAK, Band.WEAK, close=False)
    hidden = PRESENTER.matches(weak, "Heading", navigation(2))
    assert text_of(hidden).startswith("No close match.")
    assert not any(isinstance(p, Pictures) for p in hidden.parts)
    assert [(b.label, b.action) for b in hidden.buttons] == [("Show anyway", "weak")]
    shown = PRESENTER.matches(weak, "Heading", navigation(2), weak=True)
    assert len(part(shown, Pictures).cards) == 2
    assert "These matches are weak." in text_of(shown)


def test_weak_matches_that_stand_out_are_shown_with_doubt() -> None:
    """The best one may be right: it is shown at once, and the reply says that it is not sure."""
    doubtful = replace(result(Band.WEAK, Band.WEAK, close=False), doubtful=True)
    reply = PRESENTER.matches(doubtful, "Heading", navigation(2))
    assert any(isinstance(part, Pictures) for part in reply.parts)
    assert "Not sure" in text_of(reply)


def test_an_empty_last_page_says_so() -> None:
    """Paging beyond the end ends in words."""
    reply = PRESENTER.matches(result(offset=5), "Heading", navigation(0, None))
    assert text_of(reply) == "No further pictures."
    assert reply.buttons == ()


def test_a_post_without_text_has_a_name() -> None:
    """It has neither caption nor file; its line, and "more like", are not left empty."""
    posted = replace(picture(7), caption="", path="")
    hit = Hit(1, posted, 0.5, Band.FAIR, match=0.5)
    reply = PRESENTER.matches(replace(result(), hits=(hit,)), "Heading", navigation(1, None))
    [cards] = [part.cards for part in reply.parts if isinstance(part, Pictures)]
    assert cards[0].caption == "Picture without a caption"


def test_an_empty_first_page_says_so() -> None:
    """Nothing is further where nothing was shown, as by "words:" before any words were read."""
    reply = PRESENTER.matches(result(), "Heading", navigation(0, None))
    assert text_of(reply) == "Nothing was found."


def test_a_picture_without_caption_is_called_by_its_file() -> None:
    """A caption may be missing; a name never is."""
    hit = Hit(1, picture(7), 0.5, Band.FAIR, match=0.5)
    assert hit_card(WORDS, hit).caption == "7.png"


def test_captions_are_labelled_as_matched() -> None:
    """Describing shows stored captions and says that they were not written for this picture."""
    hits = (CaptionHit(1, "an orange", 0.71, picture(1)),)
    reply = PRESENTER.captions(DescribeResult("stamps", hits))
    assert [(x.caption, x.score_text) for x in part(reply, CaptionList).lines] == [
        ("an orange", "0.71")
    ]
    assert "written for other pictures" in text_of(reply)
    assert "no captions" in text_of(PRESENTER.captions(DescribeResult("stamps", ())))


def test_labels_warn_where_none_fits() -> None:
    """Probabilities always sum up to one, so a warning says when no label fits."""
    labels = (LabelScore("cat", 0.9, 0.3), LabelScore("dog", 0.1, 0.2))
    reply = PRESENTER.labels(Classification(labels, none_fits=True))
    assert [(b.label, b.value) for b in part(reply, LabelBars).bars] == [
        ("cat", "0.90"),
        ("dog", "0.10"),
    ]
    assert "None of these labels fits" in text_of(reply)
    assert "None" not in text_of(PRESENTER.labels(Classification(labels, none_fits=False)))


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress("scan", 12, 0), "12 files so far"),
        (Progress("encode", 312, 813), "312 of 813 pictures (38%)"),
        (Progress("encode", 999, 1000), "(99%)"),
        (Progress("encode", 5, 0), "5 pictures"),
        (Progress("commit", 0, 0), "Writing the index"),
    ],
)
def test_progress_says_how_far(progress: Progress, words: str) -> None:
    """Progress counts pictures; 100% is said only when all are done."""
    bar = part(PRESENTER.progress("stamps", progress, job="1"), ProgressBar)
    assert words in bar.text
    assert "stamps" in bar.text


def test_a_second_reindex_hears_how_far_the_first_is() -> None:
    """The words are "already being indexed" with a percentage."""
    reply = PRESENTER.already_running("stamps", Progress("encode", 1, 4), job=None)
    assert "already being indexed: 25%" in text_of(reply)


def test_the_summary_lists_failures_up_to_a_bound() -> None:
    """Ten failures are named with their reasons, the rest is counted."""
    failed = tuple(Failure(f"{n}.png", "damaged_picture", "It is damaged.") for n in range(12))
    report = ReindexReport("stamps", 3, 0, 1, 800, failed, 2.14)
    reply = PRESENTER.indexed(report)
    assert "2.1 s: 3 added, 0 changed, 1 removed, 800 unchanged" in text_of(reply)
    assert "12 files could not be read" in text_of(reply)
    assert len(part(reply, Facts).rows) == 10
    assert "and 2 more" in text_of(reply)


def test_captions_without_a_picture_are_no_unread_files() -> None:
    """A table that names pictures of another folder hides no file that cannot be read."""
    failed = (
        Failure("bad.png", "damaged_picture", "It is damaged."),
        *(Failure(f"{n}.png", "caption_without_picture", "No such picture.") for n in range(138)),
    )
    left_out = LeftOut(((".mp4", 3),))
    reply = PRESENTER.indexed(ReindexReport("stamps", 3, 0, 0, 0, failed, 2.14, left_out))
    assert reply.parts[-1] == Text("3 other files are no pictures.", "note")
    assert "1 file could not be read" in text_of(reply)
    assert "138 captions belong to no picture" in text_of(reply)


def test_help_shows_three_examples_and_only_ones_own_commands() -> None:
    """Examples may be sent as they are; what only administrators may do is for their eyes."""
    reply = PRESENTER.help(["a", "b", "c"], is_admin=False)
    assert part(reply, Examples).messages == ("/find a", "/find b", "/find c")
    rows = dict(part(reply, Facts).rows)
    usages = " ".join(rows)
    assert rows["/find <words>"] == (
        "Find pictures that a sentence describes. "
        "Options: --count n, --exclude words, --label name, --collection name, --from @person, "
        "--after 2026-01-31, --before 2026-01-31, --private"
    )
    assert "/reindex" not in usages
    admin = PRESENTER.help([], is_admin=True)
    assert any("/reindex" in usage for usage, _ in part(admin, Facts).rows)
    adder = " ".join(
        u for u, _ in part(PRESENTER.help([], is_admin=False, may_add=True), Facts).rows
    )
    assert "/add + picture [words]" in adder
    assert "/remove" not in adder
    assert "/add" not in usages
    assert "/privacy [info|export|delete|out|in]" in usages


def test_where_a_command_is_a_form_help_speaks_of_its_fields() -> None:
    """Discord fills in fields; a dash and a name would be taken for words there."""
    rows = dict(
        part(PRESENTER.help([], is_admin=True, fields=True, platform="discord"), Facts).rows
    )
    assert rows["/find"].endswith(
        "Fields: query, count, exclude, label, collection, in, from, after, before, private"
    )
    assert rows["/status"] == "Show model, collections and their size."
    assert "--" not in " ".join([*rows, *rows.values()])


@pytest.mark.parametrize("platform", ["discord", "telegram", "web"])
@pytest.mark.parametrize("fields", [False, True])
def test_help_leaves_out_no_option_that_a_platform_has(platform: str, *, fields: bool) -> None:
    """Whoever reads it knows all that can be asked for there, and nothing that cannot."""
    told = PRESENTER.help([], is_admin=True, is_operator=True, fields=fields, platform=platform)
    rows = part(told, Facts).rows
    offered = [each for each in COMMANDS if each.is_on(platform) and each.listed]
    assert len(rows) == len(offered)
    for command, row in zip(offered, rows, strict=True):
        written = set(re.findall(r"--(\w+)", " ".join(row)))
        if fields:
            written = set(row[1].partition("Fields: ")[2].split(", ")) - {""}
        named = {
            option.name
            for option in command.options
            if fields or not (option.kind == "picture" or option.rest or option.leading)
        }
        lacking = {option.name for option in command.options if not option.is_on(platform)}
        assert written == named - lacking, (command.name, row)
    assert ("|out|in]" in " ".join(usage for usage, _ in rows)) is (
        platform != "web" and not fields
    )


def test_menu_words_fit_discords_bounds() -> None:
    """Each command and option has a summary of 1 to 100 characters."""
    for command in COMMANDS:
        assert 1 <= len(WORDS.summary(command)) <= 100
        assert all(1 <= len(WORDS.option_summary(option)) <= 100 for option in command.options)
    assert set(command_summaries(str)) == {command.name for command in COMMANDS}
    assert set(option_summaries(str)) == {o.name for c in COMMANDS for o in c.options}


def test_words_are_plain_text() -> None:
    """No sentence carries markup, and its places can be filled in."""
    for text in page_words(str).values():
        assert not set("<>*`") & set(text)
        assert all(name != "" for _, name, _, _ in string.Formatter().parse(text))


def test_a_reindex_says_what_is_still_to_be_read() -> None:
    """Behind its numbers, and only while something is."""
    report = ReindexReport("stamps", 3, 0, 0, 0, (), 2.14)
    note = "The words in 2 pictures are still to be read."
    said = PRESENTER.indexed(report, WordsProgress(1, 3, 0))
    assert said.parts[-1] == Text(note, "note")
    assert PRESENTER.indexed(report, WordsProgress(3, 3, 0)) == PRESENTER.indexed(report)


def test_a_status_says_how_many_were_read() -> None:
    """Behind pictures and captions, of collections whose words are read."""
    status = CollectionStatus("stamps", 3, 1, "flat", 2)
    card = ModelCard("mini", 576, "cpu")
    for come, said in (
        (WordsProgress(1, 3, 0), "generation 2, words read in 1 of 3"),
        (WordsProgress(3, 3, 0), "generation 2, words read in 3"),
        (None, "generation 2"),
    ):
        words = {} if come is None else {"stamps": come}
        [facts] = PRESENTER.status(card, [status], words).parts
        assert isinstance(facts, Facts)
        assert facts.rows[1][1].endswith(said)
