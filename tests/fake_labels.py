"""The Labels port over labels that the fake encoder understands: names of colours."""

from __future__ import annotations

from core.search.labels import LabelSet, label_set, prompts
from tests.fakes import FakeEncoder


class FakeLabels:
    """Labels by collection; ``sets`` may be changed, ``looks`` counts who asked.

    ``error``: what is raised instead.
    """

    def __init__(self, sets: dict[str, LabelSet] | None = None) -> None:
        self.sets = sets or {}
        self.looks = 0
        self.error: Exception | None = None

    def of(self, collection: str) -> LabelSet | None:
        """See the port."""
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.sets.get(collection)


def labelled(*labels: str) -> LabelSet:
    """Labels as the fake encoder understands them."""
    return label_set(labels, list(FakeEncoder().encode_texts(prompts(labels))))
