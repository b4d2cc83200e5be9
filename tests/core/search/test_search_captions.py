"""Finds over pictures and their captions: what captions lift, and what they leave alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.types import Band, FoundBy, Hit
from core.search.calibration import calibrate
from core.search.captions import caption_scale, told
from core.search.coalescing import Near
from core.search.lexical import CaptionWords, words_of
from core.search.ordering import Standing, Standings, in_order
from core.search.query import SearchQuery
from core.search.scoring import NearestPictures, Ranking, ScoredRows
from core.search.service import Search
from index.snapshots.overlaid import compose
from index.snapshots.overlay import Overlay
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.stored_rows import StoredCaptions, StoredPictures
from index.vectors.choose import build_index
from tests.fake_collections import FakeLibrary, FakeSnapshot
from tests.fakes import COLOURS, FakeDecoder, FakeEmbedder, FakeEncoder, unit

_PLAIN = [(colour, f"something {colour} number {n}") for n in range(6) for colour in COLOURS]

_WORDS = ("red", "blue", "fox", "zebra", "small", "of")


def search_over(captioned: list[tuple[str, str]]) -> Search:
    """A search over flat pictures: each a colour and a caption, which may be empty."""
    library = FakeLibrary({"gallery": FakeSnapshot.of(captioned)})
    return Search(library, FakeEmbedder(), FakeDecoder())


async def found(search: Search, text: str, k: int = 5, exclude: str = "") -> list[Hit]:
    """The hits of a find."""
    return list((await search.find(SearchQuery(text, exclude=exclude), community="web", k=k)).hits)


async def test_a_caption_finds_what_its_picture_does_not_show() -> None:
    """The very words come first, strong, and it is said that the caption was found."""
    search = search_over([*_PLAIN, ("grey", "zebra crossing"), ("grey", "ninth symphony")])
    hit, *_ = await found(search, "zebra crossing")
    assert hit.picture.caption == "zebra crossing"
    assert (hit.band, hit.found_by) == (Band.STRONG, FoundBy.CAPTION)
    assert hit.score < 0.3  # the picture's own cosine, which is not made up


async def test_each_hit_says_what_was_found() -> None:
    """A red picture under other words is found by itself, one under these words by both."""
    search = search_over([*_PLAIN, ("red", "zebra crossing"), ("red", "")])
    by = {hit.picture.caption: hit.found_by for hit in await found(search, "red", k=40)}
    assert by["something red number 0"] is FoundBy.BOTH
    assert by["zebra crossing"] is FoundBy.PICTURE
    assert by[""] is FoundBy.PICTURE


async def test_a_posted_picture_is_compared_with_pictures_alone() -> None:
    """Similar and more-like have no text, so nothing is said of captions."""
    search = search_over(_PLAIN)
    assert isinstance(search._library, FakeLibrary)
    snapshot = search._library.snapshots["gallery"]
    asked = snapshot.pictures[0]
    search._library.files[asked.id] = None  # type: ignore[assignment] - never opened here
    hits = (await search.more_like(asked.id, community="web")).hits
    assert {hit.found_by for hit in hits} == {None}


async def test_without_captions_the_order_is_that_of_the_cosines() -> None:
    """Captions that are not there change neither order nor bands."""
    bare = search_over([(colour, "") for colour, _ in _PLAIN])
    hits = await found(bare, "something red", k=60)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert {hit.found_by for hit in hits} == {FoundBy.PICTURE}


async def test_a_picture_without_caption_is_not_pushed_down() -> None:
    """Among captioned pictures that say nothing of the query it stays first."""
    others = [("blue", f"a thing called {n}") for n in range(40)]
    search = search_over([*others, ("red", "")])
    hit, *_ = await found(search, "something red")
    assert hit.picture.path.startswith("red")


async def test_one_shared_word_is_no_strong_hit() -> None:
    """A word that a nonsense query shares with a caption lifts it, but not to the skies."""
    search = search_over([*_PLAIN, ("grey", "a quarterly report")])
    hits = await found(search, "quarterly flurbel zxqv vlim brox druf", k=70)
    assert Band.STRONG not in {hit.band for hit in hits}


async def test_what_is_excluded_is_excluded_by_its_caption_too() -> None:
    """A picture that only its caption calls a zebra stands below all that show what is asked."""
    search = search_over([*_PLAIN, ("red", "red zebra"), ("red", "red donkey")])
    assert (await found(search, "red zebra"))[0].picture.caption == "red zebra"
    hits = await found(search, "red", k=80, exclude="zebra")
    last = [hit.picture.caption for hit in hits][-3:]
    assert "red zebra" in last
    assert not any("red" in caption for caption in last if caption != "red zebra")


async def test_several_captions_count_by_the_best() -> None:
    """A picture of two captions is found by either."""
    plain = FakeSnapshot.of([*_PLAIN, ("grey", "zebra crossing")])
    row = len(_PLAIN)
    texts = [*plain.captions, ("ninth symphony", row)]
    encoder = FakeEncoder()
    vectors = encoder.encode_texts([text for text, _ in texts])
    snapshot = FakeSnapshot(
        collection="gallery",
        generation=1,
        pictures=plain.pictures,
        captions=texts,
        picture_index=plain.picture_index,
        caption_index=type(plain.caption_index)(vectors),
    )
    search = Search(FakeLibrary({"gallery": snapshot}), FakeEmbedder(), FakeDecoder())
    for text in ("zebra crossing", "ninth symphony"):
        assert (await found(search, text))[0].picture.id == plain.pictures[row].id


@given(
    captions=st.lists(
        st.tuples(st.sampled_from(sorted(COLOURS)), st.sampled_from(["", "red", "a zebra", "x y"])),
        min_size=1,
        max_size=40,
    ),
    text=st.sampled_from(["red", "a zebra", "something blue", "zxqv"]),
    k=st.integers(1, 9),
)
@settings(max_examples=25, deadline=None)
def test_pages_of_any_size_hold_the_same_hits(
    captions: list[tuple[str, str]], text: str, k: int
) -> None:
    """Whatever captions lift, each hit is shown once, in one order; bands never rise."""

    async def ask() -> None:
        search = search_over(captions)
        whole = (await search.find(text, community="web", k=100)).hits
        paged: list[Hit] = []
        while True:
            page = await search.find(text, community="web", k=k, offset=len(paged))
            paged += page.hits
            if not page.has_more:
                break
        assert tuple(paged) == whole
        order = [Band.STRONG, Band.FAIR, Band.WEAK]
        assert [order.index(h.band) for h in whole] == sorted(order.index(h.band) for h in whole)

    asyncio.run(ask())


def test_words_are_compared_without_case_accents_and_plurals() -> None:
    """And Japanese without spaces, by pairs of letters."""
    assert list(words_of("Some CHERRIES, two Boxes; glass, bus & café's")) == [
        *("some", "cherry", "two", "boxe", "glass", "bus", "cafe", "s")
    ]
    assert list(words_of("赤いりんご!")) == ["赤い", "いり", "りん", "んご"]
    assert list(words_of("猫 5匹")) == ["猫", "5", "匹"]
    assert list(words_of("…!")) == []


def test_arabic_words_are_compared_as_they_are_typed() -> None:
    """Without vowels, hamza, drawn out letters, dots of the last letter, and the article."""
    written = "الكِتَاب والقِطَّة، أَرْنَب كـلـب في المستشفى للأولاد آل"
    typed = "كتاب القطه ارنب كلب في مستشفي الاولاد ال"
    assert list(words_of(written)) == list(words_of(typed))
    assert len(list(words_of(written))) == 8


def test_rare_words_decide() -> None:
    """The same words score 1; a word of every caption nothing; a rare one much."""
    words = CaptionWords.of(["a red apple", "a green apple", "a zebra", "a"])
    scores, rows, _ = words.search("A red apple!", 10)
    assert rows.tolist() == [0, 1]
    assert scores[0] == pytest.approx(1)
    assert 0 < scores[1] < 0.7
    assert words.search("a", 10)[1].tolist() == []
    assert words.search("zebras", 10)[1].tolist() == [2]
    assert words.search("flurbel zebra", 10)[0][0] < words.search("zebra", 10)[0][0]
    assert words.search("apple", 1)[1].tolist() == [0]
    assert CaptionWords.of([]).search("apple", 5)[1].tolist() == []


@given(
    captions=st.lists(
        st.lists(st.sampled_from(_WORDS), max_size=6).map(" ".join), min_size=1, max_size=8
    ),
    asked=st.lists(st.sampled_from([*_WORDS, "other"]), min_size=1, max_size=5).map(" ".join),
    copies=st.sampled_from([1, 7, 700]),
    k=st.sampled_from([1, 3, 256]),
)
@settings(max_examples=30, deadline=None)
def test_those_that_were_not_looked_at_are_none_of_the_best(
    captions: list[str], asked: str, copies: int, k: int
) -> None:
    """However many captions share however common words: the best of all, each by itself."""
    words = CaptionWords.of(captions * copies)
    scores, rows, held = words.search(asked, k)
    all_scores, all_rows, all_held = words.search(asked, len(words))
    assert rows.tolist() == all_rows[:k].tolist()
    assert scores.tolist() == all_scores[:k].tolist()
    assert held.tolist() == all_held[:k].tolist()
    assert (np.diff(all_scores) <= 0).all()


def test_a_few_captions_over_many_learn_from_them_what_is_rare() -> None:
    """An overlay of one caption knows that "apple" is common below it."""
    base = CaptionWords.of([f"apple number {n}" for n in range(50)])
    alone = CaptionWords.of(["apple zebra", "fox"])
    over = CaptionWords.of(["apple zebra", "fox"], background=base)
    assert over.search("apple pie", 5)[0][0] < alone.search("apple pie", 5)[0][0]
    assert over.search("zebra pie", 5)[0][0] > over.search("apple pie", 5)[0][0]


def test_an_overlay_adds_and_takes_away_words() -> None:
    """Words of removed pictures are gone, those of uploads found, rows those of the captions."""
    base = FakeSnapshot.of([("red", "a red fox"), ("blue", "a zebra"), ("red", "a fox cub")])
    none = np.empty((0, base.picture_index.vectors.shape[1]), dtype=np.float32)
    upload = FakeSnapshot.of([("pink", "fox terrier")])
    snapshot = IndexSnapshot(
        collection="gallery",
        generation=1,
        identity=FakeEncoder().identity,
        pictures=StoredPictures.of("gallery", tuple(base.pictures)),
        captions=StoredCaptions.of(base.captions),
        picture_index=build_index(none.shape[1], [base.picture_index.vectors]),
        caption_index=build_index(none.shape[1], [base.caption_index.vectors]),
    )
    view = compose(
        snapshot,
        Overlay(
            removed=frozenset({base.pictures[0].sha256}),
            pictures=tuple(upload.pictures),
            picture_vectors=upload.picture_index.vectors,
            captions=tuple(upload.captions),
            caption_vectors=upload.caption_index.vectors,
        ),
    )
    scores, rows, _ = view.caption_words.search("the fox", 9)
    assert {view.captions[row][0] for row in rows} == {"a fox cub", "fox terrier"}
    assert (np.diff(scores) <= 0).all()
    assert len(view.caption_words.search("the fox", 1)[1]) == 1
    assert len(snapshot.caption_words.search("the fox", 9)[1]) == 2


def test_shared_words_add_to_a_match() -> None:
    """By a tenth at most, on top of the meaning; the very letters by another tenth."""
    snapshot = FakeSnapshot.of([*_PLAIN, ("grey", "a zebra")])
    scale = calibrate(snapshot).captions
    query = FakeEncoder().encode_texts(["zebra"])[0]
    row = len(_PLAIN)

    def match(text: str) -> float:
        found = told(snapshot, scale, query, text).matches_of(np.array([row]))
        return float(found[0])

    by_meaning = match("flurbel")
    assert match("Zebras") == pytest.approx(by_meaning + 0.1, abs=0.02)
    assert match("a zebra") > by_meaning + 0.15


@given(seed=st.integers(0, 9), asked=st.sampled_from(["red", "a red zebra", "zebra 3", "House"]))
@settings(max_examples=20, deadline=None)
def test_what_lifts_is_all_that_every_caption_would_tell(seed: int, asked: str) -> None:
    """However few captions are read: each picture's best match, of those that lift it."""
    rng = np.random.default_rng(seed)
    things = ("zebra", "house", "Red house", "kite 3", "")
    captions = [
        (str(c), f"{rng.choice(things)} {n % 4}")
        for n, c in enumerate(rng.choice(list(COLOURS), 40))
    ]
    snapshot = FakeSnapshot.of([*_PLAIN, *captions])
    scale = calibrate(snapshot).captions
    query = FakeEncoder().encode_texts([asked])[0]
    cosines = snapshot.caption_index.reconstruct(np.arange(len(snapshot.captions))) @ query
    matches = scale.matches(float(scale.averages(query[None])[0]), cosines)
    shared, rows, share = snapshot.caption_words.search(asked, len(matches))
    matches[rows] += np.float32(0.1) * shared
    held = np.zeros(len(matches))
    held[rows] = share
    best: dict[int, float] = {}
    for (caption, owner), cosine, words in zip(
        snapshot.captions, matches.tolist(), held.tolist(), strict=True
    ):
        match = max(cosine + 0.1 * (caption == asked), scale.fair if words >= 0.6 else -1.0)
        if match >= scale.least or words >= 0.4:
            best[owner] = max(best.get(owner, -1.0), match)
    said = told(snapshot, scale, query, asked)
    assert dict(zip(said.rows.tolist(), said.matches.tolist(), strict=True)) == {
        row: pytest.approx(match, abs=1e-5) for row, match in best.items()
    }


def test_a_picture_without_caption_stands_where_a_silent_caption_does() -> None:
    """It is lifted among captioned ones, and only where some have captions and some have not."""
    query = FakeEncoder().encode_texts(["red"])[0]
    lifted = []
    for captions in ([*_PLAIN, ("red", "")], [*_PLAIN, ("red", "a red thing")]):
        snapshot = FakeSnapshot.of(captions)
        calibration = calibrate(snapshot)
        said = told(snapshot, calibration.captions, query, "red")
        ranking = Ranking(query, calibration.text, 0.97, told=said)
        nearest = np.arange(len(captions), dtype=np.int64)
        near = Near(snapshot.picture_index.reconstruct(nearest) @ query, nearest)
        seen = NearestPictures(near, calibration.spread(query))
        judged = ScoredRows(snapshot, calibration, ranking, seen)
        rows = {each.row for each in judged.lifted(nearest)}
        raised = set(said.rows[said.lifts > 0].tolist())
        lifted.append((said.silent > 0, rows == raised | {len(_PLAIN)}))
    assert lifted[0] == (True, True)
    assert lifted[1][0] is False


def test_what_is_lifted_waits_for_those_above_it() -> None:
    """A hit below the last picture that was fetched is not told before those in between."""

    def at(rows: list[int], merits: list[float], groups: list[int]) -> Standings:
        weak = np.full(len(rows), 2)
        scores = np.zeros(len(rows))
        columns = np.array(rows), scores, weak, weak, weak, np.array(groups), np.array(merits)
        return Standings(*columns)

    def rows(lifted: Sequence[Standing], *, whole: bool) -> list[int]:
        return [each.row for each in in_order(fetched, lifted, whole=whole)]

    fetched = at([0, 1], [3.0, 1.0], [2, 2])
    lifted = list(at([4, 2, 5, 3], [0.1, 2.0, 1.0, 0.5], [1, 2, 2, 2]))
    assert rows(lifted, whole=False) == [4, 0, 2, 1]
    assert rows(lifted, whole=True) == [4, 0, 2, 1, 5, 3]
    assert rows([], whole=False) == [0, 1]
    assert rows(list(at([1], [4.0], [2])), whole=False) == [1, 0], "once, where it is lifted to"


def test_thresholds_keep_their_order_whatever_is_learnt() -> None:
    """Where lifting begins, fair and strong, in this order, and the same words are strong."""
    sample = unit(np.eye(4))
    for noise in (np.zeros(40), np.ones(40), np.linspace(0, 1, 40)):
        scale = caption_scale(sample, noise.astype(np.float32), fitting=1.0, without=0.0)
        assert 0 < scale.start < scale.fair < scale.strong < 1
        assert scale.bands(np.array([1.0, scale.fair, 0.0])).tolist() == [0, 1, 2]
        lifts = scale.lift(np.linspace(-1, 1, 50, dtype=np.float32))
        assert (np.diff(lifts) >= 0).all()
        assert lifts[0] == 0


def test_captions_that_do_not_fit_their_pictures_are_not_held_against_others() -> None:
    """Nor are those of a collection in which hardly any picture has one."""
    sample = unit(np.eye(4))
    noise = np.linspace(0.1, 0.5, 40, dtype=np.float32)
    assert caption_scale(sample, noise, fitting=0.9, without=0.0).trust == 1
    assert caption_scale(sample, noise, fitting=0.05, without=0.0).silent == 0
    assert caption_scale(sample, noise, fitting=0.9, without=0.9).trust == pytest.approx(0.01)


def test_captions_of_a_collection_that_has_none_tell_nothing() -> None:
    """No vector, no word, no lift."""
    snapshot = FakeSnapshot.of([("red", ""), ("blue", "")])
    query = FakeEncoder().encode_texts(["red"])[0]
    said = told(snapshot, calibrate(snapshot).captions, query, "red")
    assert (len(said.rows), said.silent) == (0, 0)
    assert said.matches_of(np.array([0])).tolist() == [-np.inf]
