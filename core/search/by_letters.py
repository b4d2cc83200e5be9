"""What captions and the words in pictures say letter by letter, without a model.

For the time in which the vectors of a collection are of another model than the one that runs.
"""

from __future__ import annotations

from core.domain.ports import Snapshot
from core.domain.types import Band, FoundBy, Hit, SearchResult
from core.search.ranking import There
from core.search.word_evidence import FAIR, STRONG, WordEvidence

_CAPTIONS_EACH = 4
"""Of so many captions that are looked at, one at least belongs to a picture of its own."""


def page_by_letters(
    snapshot: Snapshot,
    text: str,
    read: WordEvidence | None,
    *,
    k: int,
    offset: int,
    there: There | None = None,
) -> SearchResult:
    """A page of the pictures whose captions, or whose words in ``read``, share most with a text.

    ``score`` and ``match`` of a hit are both the share of the text that was found, in [0, 1].
    ``there``: as in :func:`core.search.ranking.rank_page`.
    """
    shared, rows, _ = snapshot.caption_words.search(text, _CAPTIONS_EACH * (offset + k + 1))
    best: dict[int, tuple[float, FoundBy, str | None]] = {}
    for share, row in zip(shared.tolist(), rows.tolist(), strict=True):
        owner = int(snapshot.owners[row])
        if share > best.get(owner, (0.0,))[0]:
            best[owner] = min(share, 1.0), FoundBy.CAPTION, None
    if read is not None:
        for owner, strength, line in zip(
            read.rows.tolist(), read.strong.tolist(), read.lines, strict=True
        ):
            if strength >= FAIR and strength > best.get(owner, (0.0,))[0]:
                best[owner] = strength, FoundBy.WORDS, line
    order = sorted(best, key=lambda row: (-best[row][0], row))
    found = [row for row in order if there is None or there(snapshot.pictures[row])]
    hits = tuple(
        Hit(
            rank,
            snapshot.pictures[row],
            score=best[row][0],
            band=_band(best[row][0]),
            found_by=best[row][1],
            match=best[row][0],
            text=best[row][2],
        )
        for rank, row in enumerate(found[offset : offset + k], start=offset + 1)
    )
    bands = [_band(best[row][0]) for row in found[: offset + k]]
    return SearchResult(
        query=text,
        collection=snapshot.collection,
        hits=hits,
        offset=offset,
        has_more=len(found) > offset + k,
        close_match=any(band is not Band.WEAK for band in bands[:k]),
        strong=bands.count(Band.STRONG),
        fair=bands.count(Band.FAIR),
        by_letters=True,
    )


def _band(share: float) -> Band:
    if share >= STRONG:
        return Band.STRONG
    return Band.FAIR if share >= FAIR else Band.WEAK
