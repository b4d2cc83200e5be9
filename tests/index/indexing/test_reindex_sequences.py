"""After any sequence of changes, the snapshot says what the folder holds."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.errors import SourceError
from core.domain.types import ReindexReport
from index.maintenance.verify import verify_index
from index.vectors.tuning import IndexRules
from tests.fakes import COLOURS, picture_bytes
from tests.galleries import LAYERED, Gallery

NAMES = ("apple.png", "pear.jpg", "sub/plum.webp", "sub/fig.gif", "IMG_2041.jpg")
CONTENTS = tuple(picture_bytes(colour, seed) for seed, colour in enumerate(list(COLOURS)[:5]))
BROKEN = (b"", b"rubbish", CONTENTS[0][:200])
CAPTIONS = ("a fruit", "another fruit", "süß")
NAMED = {"apple.png": "apple", "pear.jpg": "pear", "sub/plum.webp": "plum", "sub/fig.gif": "fig"}

_name = st.integers(0, len(NAMES) - 1)
_step = st.one_of(
    st.tuples(st.just("write"), _name, st.integers(0, len(CONTENTS) - 1)),
    st.tuples(st.just("write"), _name, st.integers(0, len(CONTENTS) - 1)),
    st.tuples(st.just("break"), _name, st.integers(0, len(BROKEN) - 1)),
    st.tuples(st.just("remove"), _name, st.just(0)),
    st.tuples(st.just("rename"), _name, _name),
    st.tuples(st.just("swap"), _name, _name),
    st.tuples(st.just("caption"), _name, st.integers(0, len(CAPTIONS) - 1)),
    st.tuples(st.just("no caption"), _name, st.just(0)),
)
_rules = st.sampled_from([IndexRules(), LAYERED])
_rounds = st.lists(st.lists(_step, max_size=4), min_size=1, max_size=5)


@dataclass
class Folder:
    """The folder as it should be: bytes and captions by path; kept beside the real one."""

    root: Path
    files: dict[str, bytes] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)

    def change(self, kind: str, first: int, second: int) -> None:
        """Make one change."""
        name = NAMES[first]
        if kind == "write":
            self.files[name] = CONTENTS[second]
        elif kind == "break":
            self.files[name] = BROKEN[second]
        elif kind == "remove":
            self.files.pop(name, None)
        elif kind == "rename" and name in self.files:
            self.files[NAMES[second]] = self.files.pop(name)
        elif kind == "swap" and {name, NAMES[second]} <= set(self.files):
            other = NAMES[second]
            self.files[name], self.files[other] = self.files[other], self.files[name]
        elif kind == "caption":
            self.captions[name] = CAPTIONS[second]
        elif kind == "no caption":
            self.captions.pop(name, None)

    def store(self) -> None:
        """Make the real folder so."""
        wanted = dict(self.files)
        for name, caption in self.captions.items():
            wanted[str(Path(name).with_suffix(".txt"))] = caption.encode()
        for file in [each for each in self.root.rglob("*") if each.is_file()]:
            if file.relative_to(self.root).as_posix() not in wanted:
                file.unlink()
        for name, data in wanted.items():
            file = self.root / name
            file.parent.mkdir(exist_ok=True)
            if not file.exists() or file.read_bytes() != data:
                file.write_bytes(data)

    @property
    def good(self) -> dict[str, bytes]:
        """The pictures that can be indexed."""
        return {name: data for name, data in self.files.items() if data in CONTENTS}

    def caption(self, name: str) -> str:
        """The caption that a picture should show."""
        return self.captions.get(name) or NAMED.get(name, "")


def _check(gallery: Gallery, folder: Folder, report: ReindexReport) -> None:
    snapshot = gallery.snapshot()
    good = folder.good
    assert {p.path: (p.sha256, p.caption) for p in snapshot.pictures} == {
        name: (hashlib.sha256(data).hexdigest(), folder.caption(name))
        for name, data in good.items()
    }
    assert {each.path for each in report.failed} == set(folder.files) - set(good)
    assert [text for text, _ in snapshot.captions] == [
        picture.caption for picture in snapshot.pictures if picture.caption
    ]
    for text, row in snapshot.captions:
        assert snapshot.pictures[row].caption == text
    encoder = gallery.embedder.encoder
    texts = [encoder._text(text) for text, _ in snapshot.captions]
    if texts:
        found = snapshot.caption_index.reconstruct(np.arange(len(texts)))
        np.testing.assert_array_equal(found, np.stack(texts))
    by_content: dict[str, np.ndarray] = {}
    for row, picture in enumerate(snapshot.pictures):
        vector = snapshot.picture_index.reconstruct(np.array([row]))[0]
        np.testing.assert_array_equal(by_content.setdefault(picture.sha256, vector), vector)
    assert len({vector.tobytes() for vector in by_content.values()}) == len(by_content)


async def _live(
    rounds: Sequence[Sequence[tuple[str, int, int]]], home: Path, rules: IndexRules
) -> int:
    gallery = Gallery(home, rules=rules)
    folder = Folder(gallery.pictures)
    ever: set[str] = set()
    before: dict[str, tuple[str, str]] = {}
    for steps in rounds:
        for step in steps:
            folder.change(*step)
        folder.store()
        encoded = gallery.embedder.pictures_encoded
        if before and not folder.files:
            with pytest.raises(SourceError):
                await gallery.reindex()
            continue
        report = await gallery.reindex()
        _check(gallery, folder, report)

        after = {p.id: (p.path, p.sha256) for p in gallery.snapshot().pictures}
        contents = {sha256 for _, sha256 in after.values()}
        known = {sha256 for _, sha256 in before.values()}
        assert gallery.embedder.pictures_encoded - encoded == len(contents - known)
        assert not (set(after) - set(before)) & ever, "no id is used again"
        ever |= set(after)
        at = {path: (each, sha256) for each, (path, sha256) in before.items()}
        for each, (path, sha256) in after.items():
            if path in at and at[path][1] == sha256:
                assert at[path][0] == each, "an untouched picture keeps its id"
        assert report.added == len(set(after) - set(before))
        assert report.removed == len(set(before) - set(after))
        assert report.added + report.changed + report.unchanged == len(after)
        before = after

        again = await gallery.reindex()
        assert (again.added, again.changed, again.removed) == (0, 0, 0)
        assert again.failed == report.failed
    assert verify_index(gallery.store, gallery.name) == []
    gallery.close()
    return len(rounds)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rounds=_rounds, rules=_rules)
@pytest.mark.slow
def test_any_sequence_of_changes(
    rounds: list[list[tuple[str, int, int]]], rules: IndexRules
) -> None:
    """Adding, changing, breaking, renaming, swapping, captioning and removing, in any order:
    the snapshot equals the folder, ids stay with their pictures, and only new bytes are
    encoded. Whether generations are whole or hold changes alone."""  # noqa: D205, D209 - one rule, one sentence
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(_live(rounds, Path(home), rules))


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rounds=_rounds, rules=_rules)
def test_many_sequences_of_changes(
    rounds: list[list[tuple[str, int, int]]], rules: IndexRules
) -> None:
    """The same rule, over more sequences."""
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(_live(rounds, Path(home), rules))
