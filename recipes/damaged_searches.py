"""What a search makes of damaged stamps, with vectors that are kept."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.domain.types import Picture
from core.images.resize import to_rgb
from core.search.coalescing import Near
from core.search.crop_matching import NEAREST, PostedView, Recogniser
from core.search.ports import THUMBNAIL_EDGE
from core.search.query_views import ViewKind, closest_view, ways
from core.search.rules import SearchRules
from core.search.scoring import NearestPictures
from index.vectors.flat import FlatIndex
from recipes.damage import Damage
from recipes.damaged_stamps import COUNTS, Stamps


@dataclass(frozen=True)
class Searched:
    """What a search makes of damaged stamps: shares of all, encodings and seconds a query."""

    found: float
    encodings: float
    look_s: float


class Searches:
    """Searches as ``Search.similar`` does, with vectors that are kept.

    The stamps are the collection (``recognition.Seen``), read in this process.
    """

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps
        self._recogniser = Recogniser(self._file_of, self._thumbnail, timeout_s=600)
        self.picture_index = FlatIndex.build(stamps.gallery.shape[1], [stamps.gallery])
        self.pictures = [Picture(name, "", name, "", name, 0, 0) for name in stamps.names]

    def searched(
        self,
        damage: Damage,
        strength: float,
        names: Sequence[str],
        plain: NDArray[np.float32],
    ) -> Searched:
        """Of these stamps, damaged; ``plain`` are their vectors as they are, [n, d]."""
        stamps, index = self._stamps, self.picture_index
        scores, first = index.search(plain, 1)
        found = first[:, 0].copy()
        unsure = np.flatnonzero(scores[:, 0] < SearchRules().sure_cosine)
        doubted = [names[number] for number in unsure]
        looks = []
        for number, vectors in zip(unsure, self._seen(damage, strength, doubted), strict=True):
            near = list(map(Near, *index.search(vectors, NEAREST)))
            chosen = closest_view([float(each.scores[0]) for each in near])
            posted = np.asarray(stamps.damaged(damage, strength, names[number]).convert("RGB"))
            kinds = ways(tuple(ViewKind), square=True)
            seen = [
                PostedView(kinds[each], vectors[each], NearestPictures(near[each], (0.0, 1.0)))
                for each in sorted({0, chosen})
            ]
            started = time.process_time()
            known = asyncio.run(self._recogniser.recognise(posted, seen, self))
            looks.append(time.process_time() - started)
            found[number] = near[chosen].rows[0] if known is None else known.row
        return Searched(
            found=float(stamps.shown(names, found).mean()),
            encodings=1 + sum(COUNTS[kind] for kind in ViewKind) * len(unsure) / len(names),
            look_s=float(np.mean(looks)) if looks else 0.0,
        )

    def _seen(
        self, damage: Damage, strength: float, names: Sequence[str]
    ) -> NDArray[np.float32] | tuple[()]:
        """All views of these stamps in the order of ``views``: [n, v, d]."""
        kinds = (None, *ViewKind)
        if not names:
            return ()
        found = [self._stamps.queries(damage, strength, kind, names) for kind in kinds]
        return np.concatenate(found, axis=1)

    def _file_of(self, picture: Picture) -> Path:
        return Path(picture.path)

    async def _thumbnail(self, _: Picture, path: Path) -> bytes:
        image = to_rgb(self._stamps.opened(path.as_posix()))
        image.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        image.save(out, "JPEG", quality=82)
        return out.getvalue()
