"""Words that stand in pictures: when they are those of a question, and what a find does then."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from core.domain.errors import BadPicture, Unavailable
from core.domain.ports import Snapshot
from core.domain.types import Band, FoundBy, WordLine, WordsProgress
from core.search.query import SearchQuery
from core.search.rules import SearchRules
from core.search.service import Search
from core.search.word_evidence import (
    AskedMeaning,
    FoundWords,
    WordEvidence,
    by_meaning,
    for_model,
    passages,
)
from core.search.words import ReadWords, asked_grams, edits, grams, phrase_grams
from tests.fake_collections import FakeLibrary, FakeSnapshot
from tests.fakes import FakeDecoder, FakeEmbedder, picture_bytes

_MEME = ("WHEN THE TESTS PASS", "ON THE FIRST TRY")


class FakeWords:
    """The PictureWords port over lines by the row of their picture."""

    def __init__(self, lines: Mapping[int, Sequence[str]]) -> None:
        self._read = {row: ReadWords.of(each) for row, each in lines.items()}

    def find(
        self, snapshot: Snapshot, question: str, meaning: AskedMeaning | None = None
    ) -> WordEvidence | None:
        del snapshot, meaning
        return WordEvidence.of(
            [
                FoundWords(row, each.strength(question), each.line(question))
                for row, each in self._all()
            ]
        )

    def holding(self, snapshot: Snapshot, phrases: Sequence[str]) -> WordEvidence | None:
        del snapshot
        return WordEvidence.of(
            [
                FoundWords(row, 1.0, each.line(" ".join(phrases)))
                for row, each in self._all()
                if all(each.holds(phrase) for phrase in phrases)
            ]
        )

    def progress(self, collection: str) -> WordsProgress | None:
        del collection
        return None

    def contents(self, collection: str, question: str, phrases: Sequence[str]) -> Sequence[str]:
        """See the port."""
        del collection, question, phrases
        return ()

    def any_in(self, collection: str) -> bool:
        del collection
        return bool(self._read)

    def _all(self) -> list[tuple[int, ReadWords]]:
        return list(self._read.items())


class FakeReader:
    """The WordReader port: the same lines of every picture, an error, or (None) no answer."""

    version = "1"

    def __init__(self, said: Sequence[str] | Exception | None) -> None:
        self.said = said
        self.asked = 0

    async def read(self, source: bytes | Path) -> Sequence[WordLine]:
        del source
        self.asked += 1
        if self.said is None:
            await asyncio.Event().wait()
        if isinstance(self.said, Exception):
            raise self.said
        return [WordLine(line, 0.9) for line in self.said or ()]


def _search(lines: Mapping[int, Sequence[str]], reader: FakeReader | None = None) -> Search:
    """Twelve pictures of three colours, in some of which words stand."""
    plain = [(colour, "") for _ in range(4) for colour in ("red", "green", "blue")]
    library = FakeLibrary({"gallery": FakeSnapshot.of(plain)})
    return Search(
        library,
        FakeEmbedder(),
        FakeDecoder(),
        words=FakeWords(lines),
        reader=reader,
        rules=SearchRules(read_s=0.05 if reader is not None and reader.said is None else 60),
    )


@pytest.mark.parametrize(
    ("lines", "question"),
    [
        (_MEME, "tests pass first"),
        (("ONTHE FIRSTTRY",), "the first try"),  # its spaces were lost
        (("WHEN THE TEZTS PA5S",), "when tests pass"),  # letters were read wrongly
        (("Prüfung bestanden",), "prufung BESTANDEN"),
        (("Zażółć gęślą jaźń",), "zazolc gesla"),
        (("渋谷駅前の犬",), "渋谷駅"),
        (("สวัสดีชาวโลก",), "สวัสดี"),
        (("Привет, мир",), "привет мир"),
    ],
)
def test_words_are_found_as_people_write_them(lines: Sequence[str], question: str) -> None:
    """Case, accents, lost spaces and a letter or two do not count; no spaces are needed."""
    assert ReadWords.of(lines).strength(question) > 0.45
    assert set().union(*map(grams, lines)).intersection(asked_grams(question))


@pytest.mark.parametrize("question", ["zebra crossing", "cat", "犬", "the of", "pasta test tries"])
def test_other_words_are_not_found(question: str) -> None:
    """Nor such as every sentence has, nor such as look alike from afar."""
    assert ReadWords.of(_MEME).strength(question) < 0.45


def test_more_of_a_question_is_worth_more() -> None:
    """All of three words more than two of them, and three letters less than a sentence."""
    meme = ReadWords.of(_MEME)
    asked = ("when the tests pass first", "tests pass zebra", "try")
    strengths = [meme.strength(question) for question in asked]
    assert strengths == sorted(strengths, reverse=True)
    assert len(set(strengths)) == 3


def test_the_line_with_most_of_a_question_is_told() -> None:
    """As it was read, with its capitals."""
    assert ReadWords.of(_MEME).line("first try") == "ON THE FIRST TRY"
    assert ReadWords.of(_MEME).line("tests") == "WHEN THE TESTS PASS"


def test_a_phrase_is_its_words_in_their_order() -> None:
    """Over the end of a line and without its spaces, but no part of another word."""
    meme = ReadWords.of(_MEME)
    assert meme.holds("tests pass on the first")
    assert ReadWords.of(["ONTHE FIRSTTRY"]).holds("the first try")
    assert not meme.holds("pass tests")
    assert not meme.holds("he")
    assert not meme.holds('" "')
    assert phrase_grams(["tests pass"]) <= set().union(*map(grams, _MEME))


@pytest.mark.parametrize(
    ("one", "other", "count"), [("tests", "tests", 0), ("tests", "tezts", 1), ("ab", "ba", 1)]
)
def test_edits_count_letters(one: str, other: str, count: int) -> None:
    """A swap of neighbours is one, and no more than asked for are counted."""
    assert edits(one, other, 4) == count
    assert edits("abcdef", "ghijkl", 2) == 2


async def test_words_in_a_picture_find_it() -> None:
    """First, strong, with the line that matched, and never as its caption."""
    found = await _search({5: _MEME, 7: ("LATE AGAIN",)}).find(
        "when tests pass first", community="web"
    )
    hit = found.hits[0]
    assert hit.picture.id == "p0000005"
    assert (hit.band, hit.found_by, hit.text) == (Band.STRONG, FoundBy.WORDS, _MEME[0])
    assert (hit.picture.caption, hit.caption_score) == ("", None)
    assert found.hits[1].text is None


async def test_a_page_goes_on_behind_what_words_find() -> None:
    """No picture comes twice, and the second page has none of the first."""
    search = _search({5: _MEME})
    pages = [await search.find("tests pass", community="web", k=3, offset=at) for at in (0, 3)]
    ids = [hit.picture.id for page in pages for hit in page.hits]
    assert len(set(ids)) == 6
    assert ids[0] == "p0000005"


async def test_quotes_ask_for_words_alone() -> None:
    """Pictures that hold them, in any script's quotes; what else is asked for orders them."""
    search = _search({1: _MEME, 3: ("MY TESTS PASS",), 4: ("tests pass",), 8: ("NO",)})
    for asked in ('"tests pass" green', "“tests pass” green", "«tests pass» green"):
        found = await search.find(SearchQuery.parse(asked), community="web", k=10)
        assert {hit.picture.id for hit in found.hits} == {"p0000001", "p0000003", "p0000004"}
        assert {hit.found_by for hit in found.hits} == {FoundBy.WORDS}
        assert found.hits[-1].picture.id == "p0000003"  # the red one
    none = await search.find(SearchQuery.parse('"zebra"'), community="web")
    assert (none.hits, none.has_more) == ((), False)


async def test_quotes_are_quotes_where_no_words_were_read() -> None:
    """A question is answered as it was before there was any of this."""
    found = await _search({}).find(SearchQuery.parse('"red"'), community="web", k=3)
    assert {hit.picture.path[:3] for hit in found.hits} == {"red"}


async def test_words_with_a_colon_leave_pictures_with_words() -> None:
    """Beside a question, which orders them, and alone."""
    search = _search({1: _MEME, 3: ("NO",)})
    for asked in ("words: green", "green WORDS:", "words:", "green words\uff1a"):
        found = await search.find(SearchQuery.parse(asked), community="web")
        assert {hit.picture.id for hit in found.hits} == {"p0000001", "p0000003"}, asked
    with_red = await search.find(SearchQuery.parse("words: red"), community="web")
    assert with_red.hits[0].picture.id == "p0000003"
    assert {hit.found_by for hit in with_red.hits} == {FoundBy.PICTURE}


def test_evidence_keeps_the_best_of_each_row() -> None:
    """Rows rise; a row that was found twice is there once."""
    evidence = WordEvidence.of(
        [FoundWords(4, 0.5, "four"), FoundWords(2, 0.9, "two"), FoundWords(4, 0.7, "better")]
    )
    assert np.array_equal(evidence.rows, [2, 4])
    assert (evidence.says(4), evidence.says(2), evidence.says(3)) == ("better", "two", None)


async def test_a_posted_picture_finds_those_that_say_the_same() -> None:
    """Whatever they look like; those whose words are others come by their looks alone."""
    lines = {4: _MEME, 7: ("LATE AGAIN",)}
    reader = FakeReader(("WHEN THE TESTS", "PASS ON THE FIRST TRY"))
    posted = picture_bytes("yellow")
    found = await _search(lines, reader).similar(posted, community="web", k=3)
    assert found.hits[0].picture.id == "p0000004"
    assert (found.hits[0].band, found.hits[0].found_by) == (Band.STRONG, FoundBy.WORDS)
    assert found.hits[0].text == _MEME[0]
    assert {hit.text for hit in found.hits[1:]} == {None}


@pytest.mark.parametrize("said", [None, Unavailable("busy"), (), ("QUITE ANOTHER",)])
async def test_a_posted_picture_is_answered_without_words(
    said: Sequence[str] | Exception | None,
) -> None:
    """In time, where reading takes longer, fails, finds none or others: as it was before."""
    red, reader = picture_bytes("red"), FakeReader(said)
    found = await _search({4: _MEME}, reader).similar(red, community="web", k=3)
    before = await _search({4: _MEME}).similar(red, community="web", k=3)
    assert found.hits == before.hits
    assert reader.asked == 1


async def test_a_posted_picture_is_not_read_for_nothing() -> None:
    """Where no words were read, or a text says what is asked."""
    reader = FakeReader(_MEME)
    await _search({}, reader).similar(picture_bytes("red"), community="web")
    await _search({4: _MEME}, reader).similar(picture_bytes("red"), community="web", text="blue")
    assert reader.asked == 0


async def test_one_that_cannot_be_read_is_refused_while_its_words_are_read() -> None:
    """Nothing waits for the reader then."""
    with pytest.raises(BadPicture):
        await _search({4: _MEME}, FakeReader(None)).similar(b"none", community="web")


def test_meaning_or_letters_lift() -> None:
    """Whichever says more, which is told as well; short questions say little by meaning."""
    asked = "all checks succeed straight away"
    meant, spelt = by_meaning(3, "WHEN THE TESTS PASS", 0.6, asked), FoundWords(3, 0.4, "TESTS")
    both = WordEvidence.of([spelt, meant])
    alone = [WordEvidence.of([each]).lifts[0] for each in (spelt, meant)]
    assert both.lifts[0] == pytest.approx(max(alone))
    assert both.says(3) == "WHEN THE TESTS PASS"
    assert by_meaning(3, "", 0.6, "cat").strength < meant.strength


def test_passages_are_some_lines_each() -> None:
    """A page of text is several, eight at most; capitals are small letters for a model."""
    assert passages(_MEME) == ["WHEN THE TESTS PASS ON THE FIRST TRY"]
    assert len(passages(["a line of a page of text " * 4] * 5)) == 3
    assert len(passages(["x" * 300] * 20)) == 8
    assert for_model("WHEN THE TESTS PASs") == "when the tests pass"
    assert for_model("NASA lands on Mars") == "NASA lands on Mars"
