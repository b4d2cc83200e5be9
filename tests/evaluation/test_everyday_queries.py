"""Everyday sentences find right pictures among all stamps, with the embedded model."""

from __future__ import annotations

import re

import numpy as np
import pytest

from core.encoder.load import TransformersEncoder
from tests.evaluation.conftest import Stamps
from tests.evaluation.everyday_queries import EVERYDAY_QUERIES

pytestmark = pytest.mark.model

ANSWERS = 5
NEEDED = 18


def test_there_are_twenty_queries() -> None:
    """All of them differ, so that eighteen of twenty means what it says."""
    assert len({query for query, _ in EVERYDAY_QUERIES}) == 20


def test_eighteen_of_twenty_everyday_queries_find_a_right_picture(
    mini: TransformersEncoder, stamps: Stamps
) -> None:
    """At least one right picture is among the five best for at least 18 of 20 queries."""
    found, told = [], []
    for query, right in EVERYDAY_QUERIES:
        scores = stamps.vectors @ mini.encode_texts([query])[0]
        best = np.argsort(-scores)[:ANSWERS]
        answers = [f"{stamps.paths[row]} {stamps.captions[row]}" for row in best]
        hits = [bool(re.search(right, answer, re.IGNORECASE)) for answer in answers]
        found.append(any(hits))
        names = ", ".join(stamps.paths[row].rpartition("/")[2][:-4] for row in best)
        told.append(f"{sum(hits)} of 5  {query}: {names}")
    print("\n".join(told))
    assert sum(found) >= NEEDED, "\n".join(told)


def test_right_answers_are_rare(stamps: Stamps) -> None:
    """No pattern accepts so many stamps that five random ones would usually contain one."""
    texts = [
        f"{path} {caption}" for path, caption in zip(stamps.paths, stamps.captions, strict=True)
    ]
    for query, right in EVERYDAY_QUERIES:
        share = np.mean([bool(re.search(right, text, re.IGNORECASE)) for text in texts])
        assert 0 < share < 0.1, (query, share)
