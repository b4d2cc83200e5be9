"""One command that measures what answers say of pictures without captions.

    python -m recipes.bare_photographs --cache .cache

asks for what is in random small folders of photographs, for what half of a folder shows, for what
is not there, and for what no picture shows, with ``mini`` and over vectors that lie as CLIP's do,
and writes ``docs/scores.md``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bench.clip_like import clip_like
from core.domain.types import ModelIdentity, Picture, PixelBatch, Vectors
from core.encoder.load import load_encoder
from core.encoder.mini.assemble import mini_folder
from core.encoder.mini.split import is_held_out
from core.images.resize import fit_pixels
from core.search.calibration import Calibration, calibrate, refer
from core.search.captions import told as said_by_captions
from core.search.ranking import rank_page
from core.search.references import REFERENCES, UNSEEN
from core.search.scoring import Ranking
from core.training.feature_cache import FeatureCache
from index.demo.packages import fetch_debian
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.stored_rows import StoredCaptions, StoredPictures
from index.vectors.choose import build_index
from recipes.documents import DOCS, put, table
from recipes.kept_pictures import KeptPictures
from recipes.mini.sources import STAMPS, stamp_caption
from recipes.photographs import (
    ABSENT,
    LARGE,
    LARGE_TO_CHOOSE,
    NONSENSE,
    NONSENSE_TO_CHOOSE,
    OF_MANY,
    OF_MANY_TO_CHOOSE,
    QUERIES,
    SEEN,
    SHOWN_BY_STAMPS,
    pictures,
    shown,
)

FOLDERS = ((10, 150), (14, 150), (50, 60), (200, 20), (2000, 1))
"""Pictures of a folder, and how many such folders are drawn."""

HALVES = ((14, 6), (45, 6), (200, 3))
"""The same of folders half of which show one class, for each class."""

_PAGE = 5
_DUPLICATE = 0.97
_CLIP_POOL, _CLIP_TEXTS, _CLIP_ASKED = 6000, 4000, 100


@dataclass(slots=True)
class Count:
    """What was asked, and what was answered."""

    right: int = 0
    hidden: int = 0
    sure: int = 0
    noise: int = 0
    shown: int = 0
    doubted: int = 0

    def cells(self) -> tuple[str, ...]:
        """Shares: of right ones hidden and sure; of noise that is sure, and refused."""
        right, hidden, sure, noise, shown, doubted = astuple(self)
        shares = (
            (hidden, right),
            (sure, right),
            (shown, noise),
            (noise - shown - doubted, noise),
        )
        return (str(right), str(noise), *(f"{part / max(of, 1):.1%}" for part, of in shares))


class Folder:
    """Pictures as a search knows them.

    ``captions``: each with the row of its picture, none where it has none; ``said``: their vectors.
    """

    def __init__(
        self,
        vectors: Vectors,
        references: Vectors,
        captions: Sequence[tuple[str, int]] = (),
        said: Vectors | None = None,
    ) -> None:
        width = vectors.shape[1]
        rows = [
            Picture(f"p{n}", "bare", f"{n}", "", f"{n:064x}", 9, 9) for n in range(len(vectors))
        ]
        self._snapshot = IndexSnapshot(
            collection="bare",
            generation=1,
            identity=ModelIdentity("", "", width),
            pictures=StoredPictures.of("bare", tuple(rows)),
            captions=StoredCaptions.of(captions),
            picture_index=build_index(width, [vectors]),
            caption_index=build_index(width, [] if said is None else [said]),
        )
        self._calibration: Calibration = refer(
            self._snapshot, calibrate(self._snapshot), references
        )

    def ask(
        self, query: Vectors, right: NDArray[np.bool_] | None, count: Count, text: str = ""
    ) -> None:
        """Count an answer; ``right``: which pictures are, [n], None for noise.

        ``text``: what was asked, which captions are compared with.
        """
        ranking = Ranking(query, self._calibration.text, _DUPLICATE)
        if text:
            scale = self._calibration.captions
            said = said_by_captions(self._snapshot, scale, query, text)
            ranking = replace(ranking, told=said)
        page = rank_page(self._snapshot, self._calibration, ranking, k=_PAGE, offset=0)
        if right is None:
            count.noise += 1
            count.shown += page.close_match
            count.doubted += page.doubtful
        elif any(right[int(hit.picture.path)] for hit in page.hits):
            count.right += 1
            count.sure += page.close_match
            count.hidden += not (page.close_match or page.doubtful)


class Asked:
    """All pictures and all that is asked of them, as ``mini`` sees them; of one half of it."""

    def __init__(self, cache: Path, half: int) -> None:
        model = mini_folder(cache / "models")
        encoder = load_encoder(str(model), name="mini", device="cpu", threads=1)

        def texts(some: Sequence[str]) -> Vectors:
            return np.concatenate([encoder.encode_texts([text]) for text in some])

        self.half = half
        self.classes = LARGE if half else LARGE_TO_CHOOSE
        absent = ABSENT[half::2]
        shown_after_all = [(name, "", SHOWN_BY_STAMPS.get(name, "(?!)")) for name in absent]
        self.every, right, self.known, self.stamps = _pictures(
            model, cache, (*QUERIES, *self.classes, *shown_after_all)
        )
        self.right, self.shows_absent = np.split(right, [len(right) - len(absent)])
        self.references = texts(REFERENCES)
        self.asked = texts([query for query, _, _ in (*QUERIES, *self.classes)])
        self.nonsense = texts(NONSENSE if half else NONSENSE_TO_CHOOSE)
        self.absent = texts(absent)
        of_many = OF_MANY if half else OF_MANY_TO_CHOOSE
        self.of_many_absent = texts([query for query in of_many if query not in SEEN])


def photographs(told: Asked) -> list[tuple[str, ...]]:
    """A row for each size of folder, with ``mini`` and one half of what is asked."""
    half, every, right, known = told.half, told.every, told.right, told.stamps.stop
    references, asked = told.references, told.asked
    nonsense, absent, of_many_absent = told.nonsense, told.absent, told.of_many_absent
    rng = np.random.default_rng(half)
    rows = []
    for size, times in FOLDERS:
        count = Count()
        for _ in range(times):
            pool = told.known if size <= told.known else known if size <= known else len(every)
            chosen = rng.choice(pool, min(size, pool), replace=False)
            there = Folder(every[chosen], references)
            for query in range(half, len(QUERIES), 2):
                found = right[query, chosen]
                # Of the largest folder nobody knows all that is in it.
                if found.any() or pool <= known:
                    there.ask(asked[query], found if found.any() else None, count)
            lacking = absent[~told.shows_absent[:, chosen].any(axis=1)]
            for vector in (*nonsense, *(lacking if pool <= known else of_many_absent)):
                there.ask(vector, None, count)
        rows.append(("mini", str(min(size, pool)), *count.cells()))
    return rows


def of_one_class(told: Asked) -> list[tuple[str, ...]]:
    """A row for each size of folder, half of which shows one class; noise is all other classes.

    Of the large package nobody knows all that is in it: its pictures are left out.
    """
    rng = np.random.default_rng(told.half)
    first = len(told.asked) - len(told.classes)
    known = np.zeros(len(told.every), dtype=bool)
    known[: told.known] = True
    known[told.stamps] = True
    rows = []
    for size, times in HALVES:
        count = Count()
        for query in range(first, len(told.asked)):
            inside = np.flatnonzero(told.right[query] & known)
            outside = np.flatnonzero(~told.right[query] & known)
            for _ in range(times):
                many = min(len(inside), size // 2)
                chosen = np.concatenate(
                    [
                        rng.choice(inside, many, replace=False),
                        rng.choice(outside, size - many, replace=False),
                    ]
                )
                there = Folder(told.every[chosen], told.references)
                there.ask(told.asked[query], told.right[query, chosen], count)
                there_after_all = told.shows_absent[:, chosen].any(axis=1)
                for vector in (*told.nonsense, *told.absent[~there_after_all]):
                    there.ask(vector, None, count)
        rows.append(("mini", f"{size}, half of a kind", *count.cells()))
    return rows


def _pictures(
    model: Path, cache: Path, asked: Sequence[tuple[str, str, str]]
) -> tuple[Vectors, NDArray[np.bool_], int, slice]:
    """Vectors, which are right for each that is asked, and of which it is known what they show.

    These are so many of the first ones, and the stamps.
    """
    labels = shown()
    named = dict(pictures(cache))
    folder = fetch_debian("tuxpaint-stamps-default", cache) / STAMPS
    captions = {path: stamp_caption(path) for path in sorted(folder.rglob("*.png"))}
    # Those that judge the model choose nothing here.
    stamps = [path for path, told in captions.items() if told and not is_held_out(told)]
    examples = fetch_debian("opencv-doc", cache) / "usr/share/doc/opencv-doc"
    others = sorted(path for path in examples.rglob("*") if path.suffix in {".jpg", ".png"})
    others = [path for path in others if path not in named.values()]
    others = others[: max(size for size, _ in FOLDERS) - len(named) - len(stamps)]
    files = [*named.values(), *stamps, *others]
    with FeatureCache(cache / "training") as features:
        kept = KeptPictures(model, features)

        def pixels(number: int) -> PixelBatch:
            with Image.open(files[number]) as image:
                return fit_pixels(image, kept.pixel_spec)[None]

        keys = [str(path.absolute().relative_to(cache.absolute())) for path in files]
        every = kept.vectors("bare", keys, pixels)[:, 0]
    right: NDArray[np.bool_] = np.zeros((len(asked), len(every)), dtype=bool)
    for row, (_, wanted, pattern) in enumerate(asked):
        right[row, : len(labels)] = [bool(words & set(wanted.split())) for words in labels.values()]
        for place, path in enumerate(stamps, start=len(labels)):
            told = f"{path.relative_to(folder).as_posix()} {stamp_caption(path)}"
            right[row, place] = re.search(pattern, told, re.IGNORECASE) is not None
    return every, right, len(labels), slice(len(labels), len(labels) + len(stamps))


def like_clip() -> list[tuple[str, ...]]:
    """A row for each size of folder, over vectors that lie as CLIP's do."""
    pool, texts = clip_like(_CLIP_POOL, _CLIP_TEXTS, seed=3)
    own = (texts @ pool.T).argmax(axis=1)
    # A text without what it shares with its picture is about nothing.
    nothing = texts - (texts * pool[own]).sum(axis=1, keepdims=True) * pool[own]
    nothing /= np.linalg.norm(nothing, axis=1, keepdims=True)
    alike = pool @ pool.T
    near = np.quantile(alike[:300], 0.93)
    rng = np.random.default_rng(0)
    rows = []
    for size, times in FOLDERS:
        count = Count()
        for _ in range(max(2, times // 4)):
            chosen = rng.choice(len(pool), size, replace=False)
            about = texts[rng.choice(len(texts), len(REFERENCES) - len(UNSEEN), replace=False)]
            unseen = nothing[rng.choice(len(nothing), len(UNSEEN), replace=False)]
            there = Folder(pool[chosen], np.concatenate([unseen, about]))
            inside = np.flatnonzero(np.isin(own, chosen))[:_CLIP_ASKED]
            outside = np.flatnonzero(alike[own][:, chosen].max(axis=1) < near)[:_CLIP_ASKED]
            for query in inside:
                there.ask(texts[query], chosen == own[query], count)
            noise = nothing[rng.choice(len(nothing), _CLIP_ASKED, replace=False)]
            for vector in (*texts[outside], *noise):
                there.ask(vector, None, count)
        rows.append(("like CLIP", str(size), *count.cells()))
    return rows


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="kept between runs")
    parser.add_argument("--page", type=Path, default=DOCS / "scores.md", help="%(default)s")
    parser.add_argument("--chose", action="store_true", help="print the half that chose, alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order everywhere
    columns = (
        *("model", "pictures", "right answers", "noise"),
        *("right ones hidden", "right ones strong or fair"),
        *("noise strong or fair", "noise refused"),
    )
    if arguments.chose:
        chose = Asked(arguments.cache, half=0)
        print(table(columns, [*photographs(chose), *of_one_class(chose)]))
        return
    told = Asked(arguments.cache, half=1)
    rows = [*photographs(told), *of_one_class(told), *like_clip()]
    put(arguments.page, "without captions", table(columns, rows))


if __name__ == "__main__":
    main()
