"""Labels in questions, tags of pictures, and searches among them; files of labels."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.tasks.tags import read_labels
from core.domain.errors import BadLabels, CatalogueError, SourceError, UnknownLabel
from core.domain.types import Band, Hit, SearchResult
from core.search.coalescing import QueryCoalescer
from core.search.label_filter import Tagger, with_tags
from core.search.labels import (
    MAX_LABEL,
    MAX_LABELS,
    NONE,
    LabelSet,
    least_for,
    tidy_labels,
)
from core.search.query import SearchQuery
from core.search.row_filter import ChosenRows
from core.search.service import Search
from core.search.zero_shot import FITS_Z
from tests.fake_collections import FakeLibrary, FakeSnapshot, FakeVectorIndex
from tests.fake_labels import FakeLabels, labelled
from tests.fakes import FakeDecoder, FakeEmbedder, hashed_unit, picture_bytes

COLOURS = ("red", "green", "blue")
PER_COLOUR = 12
# Brown is none of the labels; most of them are called red, which no picture of them is.
GALLERY = [
    *((colour, f"{colour} thing {n}") for n in range(PER_COLOUR) for colour in COLOURS),
    *(("brown", f"a red herring {n}") for n in range(3 * PER_COLOUR)),
]


def searching(*labels: str, snapshot: FakeSnapshot | None = None) -> Search:
    """A search over the gallery, tagged with these labels."""
    return Search(
        FakeLibrary({"gallery": snapshot or FakeSnapshot.of(GALLERY)}),
        FakeEmbedder(),
        FakeDecoder(),
        labels=FakeLabels({"gallery": labelled(*labels)} if labels else {}),
    )


def colours(result: SearchResult) -> set[str]:
    """The colours of the hits."""
    return {hit.picture.path.partition("-")[0] for hit in result.hits}


@pytest.mark.parametrize(
    ("text", "words", "labels"),
    [
        ("label:shoe red", "red", ("shoe",)),
        ('red Label:"running  shoe" ones', "red ones", ("running shoe",)),
        ("label:“running shoe”", "", ("running shoe",)),
        ("label:a label:«b c»", "", ("a", "b c")),
        ("label\uff1a\u732b", "", ("\u732b",)),
        ("label:", "", ("",)),
        ('label:"unclosed', "", ('"unclosed',)),
        ("a label on a jar", "a label on a jar", ()),
        ("mylabel:x  y", "mylabel:x y", ()),
    ],
)
def test_labels_are_taken_out_of_a_question(text: str, words: str, labels: tuple[str, ...]) -> None:
    """With quotation marks of any keyboard; a text without them stays as it is."""
    assert SearchQuery.parse(text) == SearchQuery(words, labels, asked=text)


@pytest.mark.parametrize("text", ["red", "", "label:shoe red"])
@pytest.mark.parametrize("label", ["hat", "running shoe", 'a "quoted” one', "label:x"])
def test_a_label_that_is_given_apart_is_asked_for(label: str, text: str) -> None:
    """Whatever stands in it, beside labels of the question itself; quotation marks are none.

    What people read of it can be asked again, as a button does.
    """
    named = label.replace('"', "").replace("”", "")
    before, query = SearchQuery.parse(text), SearchQuery.parse(text, label=label)
    assert (query.text, query.labels) == (before.text, (named, *before.labels))
    again = SearchQuery.parse(query.asked)
    assert (again.text, again.labels) == (query.text, query.labels)


def test_labels_are_lines_in_any_case_once() -> None:
    """Empty lines and repetitions are left out, white space is tidied."""
    assert tidy_labels([" Shoe", "", "shoe", "running \t shoe", "\0"]) == ("Shoe", "running shoe")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["  "],
        [str(n) for n in range(MAX_LABELS + 1)],
        ["x" * (MAX_LABEL + 1)],
        ['5" pipe'],
        ["a „b“"],
    ],
)
def test_labels_that_nobody_could_ask_for_are_refused(lines: list[str]) -> None:
    """None, too many, too long, or with a quotation mark."""
    with pytest.raises(BadLabels) as refused:
        tidy_labels(lines)
    assert refused.value.remedy


def test_a_picture_has_the_best_label_or_none() -> None:
    """A label of nothing that it shows is not given, though it be the best of all."""
    snapshot = FakeSnapshot.of(GALLERY)
    told: list[tuple[int, int]] = []
    known = labelled(*COLOURS)
    tags = known.tags_of(snapshot.picture_index, lambda done, total: told.append((done, total)))
    for row, (colour, _) in enumerate(GALLERY):
        place = int(tags.places[row])
        assert (NONE if colour == "brown" else COLOURS.index(colour)) == place
    assert told == [(len(GALLERY), len(GALLERY))]
    np.testing.assert_allclose(
        tags.scores, (snapshot.picture_index.vectors @ known.words.T).max(axis=1), atol=1e-6
    )
    assert labelled("red").tags_of(FakeVectorIndex(known.words[:0])).places.shape == (0,)


def test_blocks_change_nothing() -> None:
    """However few vectors are in memory at once, tags and hits among rows are the same."""
    index = FakeSnapshot.of(GALLERY).picture_index
    known, rows = labelled(*COLOURS), np.arange(1, len(GALLERY), 2, dtype=np.int64)
    query = index.vectors[:2]
    whole = known.tags_of(index), ChosenRows(index, rows).search(query, 7)
    parts = known.tags_of(index, block=5), ChosenRows(index, rows, block=3).search(query, 7)
    np.testing.assert_array_equal(whole[0].places, parts[0].places)
    np.testing.assert_array_equal(whole[1][1], parts[1][1])
    np.testing.assert_allclose(whole[1][0], parts[1][0], atol=1e-6)
    exact, found = index.search(query, len(GALLERY))
    for line in range(2):
        kept = [n for n in range(len(GALLERY)) if found[line, n] % 2][:7]
        assert parts[1][1][line].tolist() == found[line, kept].tolist()
        np.testing.assert_allclose(parts[1][0][line], exact[line, kept], atol=1e-6)


async def test_as_many_hits_come_as_there_are() -> None:
    """The label is a filter before the ranking: pages go through all of its pictures."""
    search = searching(*COLOURS)
    first = await search.find(SearchQuery.parse("label:green red"), community="web", k=10)
    assert len(first.hits) == 10
    assert colours(first) == {"green"}
    assert first.has_more
    assert first.query == "label:green red"
    rest = await search.find(SearchQuery.parse("label:green red"), community="web", k=10, offset=10)
    assert len(rest.hits) == PER_COLOUR - 10
    assert not rest.has_more
    shown = [hit.picture.id for hit in (*first.hits, *rest.hits)]
    assert len(set(shown)) == PER_COLOUR


async def test_captions_lift_nothing_from_outside_the_label() -> None:
    """What only its caption calls red is no answer among the blue ones."""
    search = searching(*COLOURS)
    plain = await search.find("a red herring 3", community="web", k=3)
    assert "brown" in colours(plain)
    found = await search.find(
        SearchQuery.parse("label:BLUE a red herring 3"), community="web", k=30
    )
    assert colours(found) == {"blue"}
    assert len(found.hits) == PER_COLOUR


async def test_a_label_alone_lists_its_pictures_the_best_first() -> None:
    """By the label's own score, and none of them is called weak."""
    search = searching(*COLOURS)
    result = await search.find(SearchQuery.parse("label:red"), community="web", k=100)
    assert colours(result) == {"red"}
    assert len(result.hits) == PER_COLOUR
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)
    assert result.close_match
    assert all(hit.band is not Band.WEAK for hit in result.hits)
    both = await search.find(SearchQuery.parse("label:red label:blue"), community="web", k=100)
    assert colours(both) == {"red", "blue"}
    assert len(both.hits) == 2 * PER_COLOUR


async def test_a_label_that_everything_has_is_listed_too() -> None:
    """Where all pictures show the same none of them stands out, which makes none of them weak."""
    snapshot = FakeSnapshot.of([("red", f"thing {n}") for n in range(20)])
    search = searching("Red", snapshot=snapshot)
    listed = await search.find(SearchQuery.parse("label:rED"), community="web", k=20)
    assert len(listed.hits) == 20
    assert listed.close_match
    assert all(hit.band is not Band.WEAK for hit in listed.hits)
    assert {hit.tag for hit in listed.hits} == {"Red"}


async def test_the_name_of_a_label_is_no_word_of_the_question() -> None:
    """Neither for the model nor for the captions, which may well hold it."""
    snapshot = FakeSnapshot.of(
        [*GALLERY, ("green", "label green"), *(("green", f"plain {n}") for n in range(9))]
    )
    search = searching(*COLOURS, snapshot=snapshot)
    result = await search.find(SearchQuery.parse("label:green green"), community="web", k=40)
    captions = [hit.picture.caption for hit in result.hits]
    assert "label green" in captions[1:], "shares one word with the question, as others do"


async def test_exclusions_hold_among_labels() -> None:
    """What is excluded stands below the rest of the label's pictures."""
    search = searching("red", "blue")
    result = await search.find(
        SearchQuery.parse("label:red label:blue", exclude="red"), community="web", k=100
    )
    shown = [hit.picture.path.partition("-")[0] for hit in result.hits]
    assert shown == ["blue"] * PER_COLOUR + ["red"] * PER_COLOUR
    # It is not what is asked for.
    result = await search.find(SearchQuery.parse("label:red", exclude="zebra"), community="web")
    assert result.hits[0].score > 0.5


async def test_hits_carry_their_tags() -> None:
    """In every way to search; None where no label fits, and where nothing is tagged."""
    search = searching(*COLOURS)
    found = await search.find("brown", community="web", k=5)
    assert {hit.tag for hit in found.hits} == {None}
    found = await search.find("green", community="web", k=5)
    assert {hit.tag for hit in found.hits} == {"green"}
    alike = await search.similar(picture_bytes("blue", 99), community="web", k=5)
    assert {hit.tag for hit in alike.hits} == {"blue"}
    untagged = await searching().find("green", community="web", k=5)
    assert {hit.tag for hit in untagged.hits} == {None}


async def test_an_unknown_label_names_the_known_ones() -> None:
    """So that nobody has to guess; where there are none, that is said."""
    with pytest.raises(UnknownLabel, match="red, green, blue") as refused:
        await searching(*COLOURS).find(SearchQuery.parse("label:shoe red"), community="web")
    assert "shoe" in refused.value.message
    with pytest.raises(UnknownLabel, match="no labels") as refused:
        await searching().find(SearchQuery.parse("label:shoe"), community="web")


async def test_a_label_of_no_picture_finds_nothing() -> None:
    """It is known, so that this is no error."""
    result = await searching("red", "purple").find(
        SearchQuery.parse("label:purple"), community="web"
    )
    assert result.hits == ()
    assert not result.has_more
    result = await searching("red", "purple").find(
        SearchQuery.parse("label:purple thing"), community="web"
    )
    assert result.hits == ()


async def test_new_labels_hold_at_once() -> None:
    """Tags of a snapshot are kept for the labels that they were made with alone."""
    snapshot = FakeSnapshot.of(GALLERY)
    labels = FakeLabels({"gallery": labelled("red", "green")})
    library = FakeLibrary({"gallery": snapshot})
    search = Search(library, FakeEmbedder(), FakeDecoder(), labels=labels)
    assert colours(await search.find(SearchQuery.parse("label:green"), community="web")) == {
        "green"
    }
    labels.sets["gallery"] = labelled("green", "red", "blue")
    assert colours(await search.find(SearchQuery.parse("label:green"), community="web")) == {
        "green"
    }
    assert colours(await search.find(SearchQuery.parse("label:blue"), community="web")) == {"blue"}


async def test_those_who_rank_together_look_at_the_labels_once() -> None:
    """And never at those from before their question; a failure is told to each of them."""
    labels = FakeLabels({"gallery": labelled("red")})
    tagger, searches, snapshot = Tagger(labels), QueryCoalescer(1), FakeSnapshot.of(GALLERY)
    go_on = threading.Event()

    def rank(found: Sequence[Any]) -> SearchResult:
        go_on.wait(10)
        hit = Hit(1, snapshot.pictures[1], 0.5, Band.FAIR, match=0.5)
        hits = with_tags(snapshot, (hit,), found[0])
        return SearchResult("", "gallery", hits, 0, has_more=False, close_match=True)

    def asked() -> asyncio.Task[SearchResult]:
        read = tagger.read(snapshot)
        assert read is not None
        return asyncio.create_task(searches.answer([read], rank))

    first = asked()
    async with asyncio.timeout(10):
        while not labels.looks:  # noqa: ASYNC110 - the thread has no event of the loop's
            await asyncio.sleep(0)
    labels.sets["gallery"] = labelled("red", "green")
    later = [asked() for _ in range(5)]
    await asyncio.sleep(0)
    go_on.set()
    tags = [result.hits[0].tag for result in await asyncio.gather(first, *later)]
    assert tags == [None, *["green"] * 5]
    assert labels.looks == 2
    labels.error = CatalogueError("locked")
    failed = await asyncio.gather(*(asked() for _ in range(3)), return_exceptions=True)
    assert failed == [labels.error] * 3


def test_a_file_of_labels_is_text(tmp_path: Path) -> None:
    """With or without a byte-order mark and with any ends of lines; what cannot be is told."""
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffShoe\r\nrunning shoe\n\n".encode())
    assert tidy_labels(read_labels(file)) == ("Shoe", "running shoe")
    for content in (b"\xff\xfe\x00", b"x" * (1 << 20) + b"xx"):
        file.write_bytes(content)
        with pytest.raises(SourceError) as refused:
            read_labels(file)
        assert refused.value.remedy
    with pytest.raises(SourceError):
        read_labels(tmp_path / "missing.txt")


def test_a_label_far_from_everything_is_not_given() -> None:
    """Of unrelated directions one is always the best; it still fits nothing."""
    dimension = 64
    labels = np.stack([hashed_unit(f"label {n}".encode(), dimension) for n in range(3)])
    everyday = np.stack([hashed_unit(f"word {n}".encode(), dimension) for n in range(64)])
    pictures = np.stack([hashed_unit(f"picture {n}".encode(), dimension) for n in range(400)])
    tags = LabelSet(("a", "b", "c"), labels, everyday).tags(pictures)
    assert (tags.places == NONE).mean() > 0.9


@pytest.mark.parametrize(
    ("count", "z", "fits"), [(1, 1.9, 0), (1, 2.1, 1), (100, 3.0, 0), (100, 3.2, 1)]
)
def test_a_label_fits_where_it_stands_out(count: int, z: float, fits: int) -> None:
    """By its deviations above everyday words: here their mean is 0 and their deviation 1."""
    words = np.zeros((count, 1), dtype=np.float32)
    words[-1] = z
    everyday = np.array([[1.0], [-1.0]] * 32, dtype=np.float32)
    known = LabelSet(tuple(map(str, range(count))), words, everyday)
    tags = known.tags(np.ones((1, 1), dtype=np.float32))
    assert tags.places.tolist() == [count - 1 if fits else NONE]


def test_the_best_of_many_labels_has_to_stand_out_further() -> None:
    """One in ten at most by chance: of 100 normal draws, one in ten exceeds 3.07."""
    assert least_for(1) == least_for(4) == FITS_Z
    assert least_for(100) == pytest.approx(3.0748, abs=0.0001)
    assert FITS_Z < least_for(14) < least_for(1000) < 4
