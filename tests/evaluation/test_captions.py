"""What captions add to a find, measured with the embedded model over the stamps.

The held-out split again, whose pictures and captions the model has never seen, but the captions of
the gallery are known to the search, as they are in use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from core.domain.types import Band, FoundBy, Hit
from core.search.service import Search
from tests.evaluation.conftest import Stamps
from tests.evaluation.everyday_queries import EVERYDAY_QUERIES
from tests.evaluation.galleries import KnownVectors, gallery
from tests.evaluation.kind_queries import FURTHER_KIND_QUERIES, KIND_QUERIES
from tests.evaluation.paraphrases import PARAPHRASES
from tests.evaluation.texts import Texts

pytestmark = pytest.mark.model

JUNK = ("holiday in Rome", "summer 2019", "birthday of Anna", "DSC 0231", "to be sorted")
"""What captions say that say nothing of the picture."""

NONSENSE = (
    "zxqv flurbel",
    "the of and",
    "quarterly revenue of the orange division",
    "my letter to the tax office about parking",
    "yellow submarine lyrics translated into Latin",
    "how do I reset my password",
    "number of people who voted in 1987",
    "green parliamentary democracy",
    "sign here to accept the terms and conditions",
    "house music playlist",
    "sdfkjh skdjfh coin ksdjfh",
    "a theory of everything",
)
"""No stamp shows any of these, though captions hold single words of them."""


async def asked(search: Search, query: str, k: int = 10) -> Sequence[Hit]:
    """The hits of a find."""
    return (await search.find(query, community="web", k=k)).hits


async def recall(
    search: Search, stamps: Stamps, queries: Sequence[tuple[str, str]]
) -> tuple[float, ...]:
    """Recall@1, @5 and @10 of captions (first) asked for by queries (second)."""
    captions = dict(zip(stamps.paths, stamps.captions, strict=True))
    ranks = []
    for caption, query in queries:
        found = [captions[hit.picture.path] for hit in await asked(search, query)]
        ranks.append(found.index(caption) if caption in found else 99)
    return tuple(float((np.array(ranks) < k).mean()) for k in (1, 5, 10))


def captions_of(stamps: Stamps, rows: Sequence[int]) -> list[str]:
    """Their own captions."""
    return [stamps.captions[row] for row in rows]


def test_there_is_a_paraphrase_for_each_held_out_caption(
    stamps: Stamps, held_out_rows: list[int]
) -> None:
    """None is left out because it is hard, and none repeats the caption."""
    assert {caption for caption, _ in PARAPHRASES} == set(captions_of(stamps, held_out_rows))
    assert len(PARAPHRASES) == len({caption for caption, _ in PARAPHRASES}) >= 100
    for caption, paraphrase in PARAPHRASES:
        plain = re.sub(r"^(an?|the|some) ", "", caption.casefold().rstrip(".!"))
        assert plain != re.sub(r"^(an?|the|some) ", "", paraphrase.casefold())


async def test_captions_are_found_by_their_words_and_by_paraphrases(
    stamps: Stamps, texts: Texts, held_out_rows: list[int]
) -> None:
    """First of all held-out stamps: 0.95 by the exact words, 0.80 by other words."""
    search = gallery(
        stamps, KnownVectors(texts), texts, held_out_rows, captions_of(stamps, held_out_rows)
    )
    exact = await recall(search, stamps, [(caption, caption) for caption, _ in PARAPHRASES])
    paraphrased = await recall(search, stamps, PARAPHRASES)
    print(f"exact {exact} paraphrased {paraphrased}")
    assert exact[0] >= 0.95
    assert paraphrased[0] >= 0.80


async def test_among_all_stamps(stamps: Stamps, texts: Texts) -> None:
    """Five times as many pictures, most of which the model knows by heart."""
    search = gallery(stamps, KnownVectors(texts), texts, range(len(stamps.paths)), stamps.captions)
    exact = await recall(search, stamps, [(caption, caption) for caption, _ in PARAPHRASES])
    paraphrased = await recall(search, stamps, PARAPHRASES)
    print(f"exact {exact} paraphrased {paraphrased}")
    assert exact[0] >= 0.95
    assert paraphrased[1] >= 0.85


async def test_pictures_without_captions_are_found_as_before(
    stamps: Stamps, texts: Texts, held_out_rows: list[int]
) -> None:
    """Half of the captions unknown: recall of those pictures is that of pictures alone, or more.

    The mean over six random halves: where "The letter a." is unknown, "The letter A." may win.
    """
    rng = np.random.default_rng(0)
    shown = captions_of(stamps, held_out_rows)
    alone = gallery(stamps, KnownVectors(texts), texts, held_out_rows, [""] * len(held_out_rows))
    for queries in ([(caption, caption) for caption, _ in PARAPHRASES], PARAPHRASES):
        gains = []
        for _ in range(6):
            unknown = {caption for caption, _ in PARAPHRASES if rng.random() < 0.5}
            mixed = gallery(
                stamps,
                KnownVectors(texts),
                texts,
                held_out_rows,
                ["" if c in unknown else c for c in shown],
            )
            asked_for = [pair for pair in queries if pair[0] in unknown]
            before = await recall(alone, stamps, asked_for)
            after = await recall(mixed, stamps, asked_for)
            gains.append(np.subtract(after, before))
        gain = np.mean(gains, axis=0)
        print(f"recall@1, @5, @10 among captioned ones less that alone: {gain.round(3)}")
        assert (gain >= 0).all()


async def test_without_any_caption_pictures_alone_decide(
    stamps: Stamps, texts: Texts, held_out_rows: list[int]
) -> None:
    """The order is that of the cosines, to the last hit."""
    search = gallery(stamps, KnownVectors(texts), texts, held_out_rows, [""] * len(held_out_rows))
    for _, query in PARAPHRASES[::10]:
        cosines = stamps.vectors[held_out_rows] @ texts.of([query])[0]
        hits = await asked(search, query, k=100)
        assert [hit.score for hit in hits] == sorted([hit.score for hit in hits], reverse=True)
        assert hits[0].picture.id == f"p{held_out_rows[int(cosines.argmax())]}"
        assert {hit.found_by for hit in hits} == {FoundBy.PICTURE}


async def test_captions_that_say_nothing_change_nothing(
    stamps: Stamps, texts: Texts, held_out_rows: list[int]
) -> None:
    """Under "holiday in Rome" a picture is found as well as without a caption."""
    queries = PARAPHRASES[::2]
    alone = gallery(stamps, KnownVectors(texts), texts, held_out_rows, [""] * len(held_out_rows))
    junk = [JUNK[row % len(JUNK)] for row in held_out_rows]
    before = await recall(alone, stamps, queries)
    after = await recall(
        gallery(stamps, KnownVectors(texts), texts, held_out_rows, junk), stamps, queries
    )
    print(f"alone {before}, all under empty words {after}")
    assert all(now >= then - 0.02 for now, then in zip(after, before, strict=True))
    half = [words if row % 2 else "" for row, words in zip(held_out_rows, junk, strict=True)]
    after = await recall(
        gallery(stamps, KnownVectors(texts), texts, held_out_rows, half), stamps, queries
    )
    print(f"alone {before}, half of them under empty words {after}")
    assert all(now >= then - 0.02 for now, then in zip(after, before, strict=True))


async def test_nonsense_makes_no_strong_hit(stamps: Stamps, texts: Texts) -> None:
    """Not by one word that a caption happens to share, either."""
    search = gallery(stamps, KnownVectors(texts), texts, range(len(stamps.paths)), stamps.captions)
    told = []
    for query in NONSENSE:
        hits = await asked(search, query, k=3)
        told += [(query, hit.picture.caption, hit.band, hit.found_by) for hit in hits]
    print("\n".join(map(str, told)))
    assert not [each for each in told if each[2] is Band.STRONG]


async def test_everyday_queries_find_no_less(stamps: Stamps, texts: Texts) -> None:
    """Of the best hits, at least as many are right as by the pictures alone.

    The mean over the ten depths from 1 to 10: at any one of them, two or three answers of a
    hundred come and go.
    """
    rows = range(len(stamps.paths))
    names = dict(zip(stamps.paths, stamps.captions, strict=True))
    shares = []
    for captions in ([""] * len(rows), stamps.captions):
        search = gallery(stamps, KnownVectors(texts), texts, rows, captions)
        right = []
        for query, pattern in EVERYDAY_QUERIES:
            paths = [hit.picture.path for hit in await asked(search, query, k=10)]
            found = [re.search(pattern, f"{path} {names[path]}", re.IGNORECASE) for path in paths]
            right.append([match is not None for match in found])
        by_depth = np.cumsum(right, axis=1) / np.arange(1, 11)
        shares.append(by_depth.mean(axis=0))
    alone, captioned = shares
    for name, share in (("pictures alone", alone), ("with captions", captioned)):
        print(f"{name}: {share.mean():.3f}, at 1, 3, 5 and 10 {share[[0, 2, 4, 9]].round(2)}")
    assert captioned.mean() >= alone.mean()


async def test_questions_by_kind_or_use(stamps: Stamps, texts: Texts) -> None:
    """A right one is among five, and shown, as often as docs/scores.md tells."""
    search = gallery(stamps, KnownVectors(texts), texts, range(len(stamps.paths)), stamps.captions)
    names = dict(zip(stamps.paths, stamps.captions, strict=True))
    found, shown = [], []
    for query, pattern in (*KIND_QUERIES, *FURTHER_KIND_QUERIES):
        page = await search.find(query, community="web", k=5)
        told = [f"{hit.picture.path} {names[hit.picture.path]}" for hit in page.hits]
        found.append(any(re.search(pattern, each, re.IGNORECASE) for each in told))
        shown.append(found[-1] and (page.close_match or page.doubtful))
    print(f"{sum(found)} of {len(found)} found, {sum(shown)} shown")
    # 44 and 44 when they were measured: one answer of twenty comes and goes.
    assert sum(found) >= 41
    assert sum(shown) >= 41


DOCUMENTS = ("orange fruits", "fruits containing vitamin C nutrient")
"""The example queries of the founding documents."""


async def test_the_documents_queries_find_fruit(stamps: Stamps, texts: Texts) -> None:
    """Orange fruits are oranges first; a concept that only captions could carry is fruit too."""
    search = gallery(stamps, KnownVectors(texts), texts, range(len(stamps.paths)), stamps.captions)
    orange = await asked(search, DOCUMENTS[0], k=5)
    vitamins = await asked(search, DOCUMENTS[1], k=5)
    for hits in (orange, vitamins):
        print([(h.picture.path, round(h.score, 2), str(h.band), str(h.found_by)) for h in hits])
    assert sum("orange" in h.picture.caption.casefold() for h in orange) >= 3
    assert all("/fruit/" in h.picture.path for h in orange)
    assert sum("/fruit/" in h.picture.path for h in vitamins) >= 3
