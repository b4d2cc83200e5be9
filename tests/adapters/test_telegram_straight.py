"""What one answer costs: a posted picture is looked at once, and so is each picture it finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Picture, Vectors
from core.domain.viewer import Viewer
from core.search.rules import SearchRules
from tests.adapters.telegram_parts import ADA, SMALL, talking
from tests.fake_collections import FakeLibrary, FakeVectorIndex
from tests.fakes import picture_bytes
from tests.web.parts import Parts

RED = picture_bytes("red", seed=77, edge=64)


class CountingIndex(FakeVectorIndex):
    """Counts how often it is asked, and for how many queries."""

    def __init__(self, vectors: Vectors) -> None:
        super().__init__(vectors)
        self.asked: list[int] = []

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See the port."""
        self.asked.append(len(queries))
        return super().search(queries, k)


@dataclass
class CountingLibrary(FakeLibrary):
    """Counts how often each picture is looked up by its id, and its index asked."""

    looked_up: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        whole = self.snapshots["gallery"]
        self.index = CountingIndex(whole.picture_index.vectors)
        self.snapshots["gallery"] = replace(whole, picture_index=self.index)

    async def picture_file(self, picture_id: str, community: Viewer | str) -> tuple[Picture, Path]:
        """See the port."""
        self.looked_up[picture_id] += 1
        return await super().picture_file(picture_id, community)


async def test_a_similar_search_looks_at_everything_once(tmp_path: Path) -> None:
    """Decoded once for its vector, for recognition and for the sheet; two searches at most.

    The picture is close to none, so that its further views are tried, and what they find is
    compared with it pixel by pixel. Each hit is looked up by its id, and its file opened, once.
    """
    rules = SearchRules(sure_cosine=1.1)
    parts = Parts(tmp_path, SMALL, rules=rules, library_of=CountingLibrary)
    library = parts.library
    assert isinstance(library, CountingLibrary)
    async with talking(tmp_path, parts=parts) as talk:
        before = len(talk.sent)
        await talk.server.say(ADA, ADA, "/similar", photo=RED)
        [message] = await talk.answers(after=before)
    assert message["caption"].count("red ") == 5
    opened = Counter(parts.decoder.opened)
    assert [count for source, count in opened.items() if isinstance(source, bytes)] == [1]
    assert library.index.asked == [1, 5]
    shown = {each.id for each in parts.snapshot.pictures if each.path.startswith("red")}
    assert library.looked_up == dict.fromkeys(shown, 1)
    assert {opened[library.files[each]] for each in shown} == {1}
    assert max(opened.values()) == 1
