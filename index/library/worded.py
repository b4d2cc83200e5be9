"""What moderation sees of the words in pictures: those that hold a criterion's own words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from core.search.moderation import THRESHOLDS, Scores
from core.search.words import ReadWords, phrase_grams
from index.catalogue.schema import moderation_criteria
from index.catalogue.word_rows import sharing
from index.library.moderation_rows import MODERATION
from index.library.overlay import Change

Worded = Mapping[str, frozenset[str]]
"""Contents (SHA-256) in which the words of a criterion stand, by its text."""


def worded(connection: Connection, collection: str, criteria: Iterable[str]) -> Worded:
    """Those of a collection, for each of these criteria."""
    found = {}
    for text in criteria:
        wanted = tuple(phrase_grams([text]))
        rows = connection.execute(sharing(collection, wanted, len(wanted))) if wanted else ()
        found[text] = frozenset(
            row.sha256
            for row in rows
            if ReadWords.of([line for line, _ in json.loads(row.lines)]).holds(text)
        )
    return found


def raised(scores: Scores, rows: NDArray[np.int64]) -> Scores:
    """The scores by a criterion, those of these rows so high that no strictness passes them."""
    if not len(rows):
        return scores
    found = scores.copy()
    found[rows] = np.maximum(found[rows], max(THRESHOLDS.values()))
    return found


def judged_anew(change: Change, lines: Sequence[str]) -> None:
    """Let the communities look again whose criteria stand in lines that were just read."""
    if not lines:
        return
    read = ReadWords.of(lines)
    table = moderation_criteria
    for community, text in change.connection.execute(select(table.c.community, table.c.text)):
        if read.holds(text):
            change.touched.add((MODERATION, community))
