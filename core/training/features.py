"""Captioned pictures as features of frozen towers, by way of the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from core.domain.errors import BadPicture, SourceError
from core.domain.types import Pixels
from core.training.base_model import FrozenTowers
from core.training.evaluation import PairVectors
from core.training.feature_cache import FeatureCache, Rows, cached
from core.training.loop import Material
from core.training.pairs import Decode, Labels, Source, unique_captions
from core.training.tower_tail import CachedTail, TowerTail

MIN_CAPTIONS = 8
"""Different captions below which neither a held-out part nor negatives mean anything."""

_GROUP = 32
"""Pictures or texts that go through a tower, and into the cache, together."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPairs:
    """Features of everything that could be decoded.

    ``keys`` are the pictures' hashes and ``captions`` the different captions, in the order
    of ``material``'s rows; ``kept`` the numbers of the given pairs that could be decoded,
    int64; ``digest`` is that of the towers. ``tail_of`` gives the tail over
    some of the pictures, where there is one.
    """

    material: Material
    keys: Sequence[str]
    captions: Sequence[str]
    kept: Labels
    digest: str
    tail_of: Callable[[Labels], CachedTail] | None

    def content(self) -> str:
        material = self.material
        parts = (*self.keys, *self.captions, *material.picture_of, *material.caption_of)
        return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PairEncoder(Generic[Source]):
    """Sends pictures and captions through the towers, or finds them in the cache.

    Args:
        towers: the base model.
        cache: where features are kept.
        decode: see :data:`core.training.pairs.Decode`.
        identify: SHA-256 (hex) of a source's content.
        tail: the blocks that are to be trained, if any.
        on_pictures: told how many pictures are done, and of how many.
        on_bad_picture: told each picture that cannot be decoded; it is left out.
        least_captions: different captions that are needed.

    """

    towers: FrozenTowers
    cache: FeatureCache
    decode: Decode[Source]
    identify: Callable[[Source], str]
    tail: TowerTail | None
    on_pictures: Callable[[int, int], None]
    on_bad_picture: Callable[[Source, BadPicture], None]
    least_captions: int = MIN_CAPTIONS

    def encode(self, pairs: Sequence[tuple[Source, str]]) -> EncodedPairs:
        """All pairs whose picture can be decoded. Raises SourceError: too few captions."""
        import torch  # noqa: PLC0415 - heavy

        digest = self.towers.digest()
        sources, picture_of = self._different([source for source, _ in pairs])
        keys = list(sources)
        kept = np.array(self._pictures(digest, sources), dtype=np.int64)
        rows = np.flatnonzero(np.isin(picture_of, kept))
        captions, caption_of = enough_captions(
            [pairs[row][1] for row in rows.tolist()], self.least_captions
        )
        kept_keys = [keys[number] for number in kept]
        images = self.cache.read(f"{digest}/pictures", kept_keys)
        return EncodedPairs(
            material=Material(
                images=torch.from_numpy(images),
                texts=torch.from_numpy(self._texts(digest, captions)),
                picture_of=np.searchsorted(kept, picture_of[rows]).astype(np.int64),
                caption_of=caption_of,
            ),
            keys=kept_keys,
            captions=captions,
            kept=rows,
            digest=digest,
            tail_of=self._tails(digest, kept_keys),
        )

    def measured(self, pairs: Sequence[tuple[Source, str]]) -> PairVectors:
        """The pairs' vectors under the base model's own heads.

        Models that differ in their heads alone share the features, and so the time they take.
        Raises SourceError: too few captions.
        """
        encoded = self.encode(pairs)
        material, heads = encoded.material, self.towers.heads
        return PairVectors(
            heads.image_vectors(material.images).numpy()[material.picture_of],
            heads.text_vectors(material.texts).numpy(),
            encoded.captions,
            material.caption_of,
            encoded.kept.tolist(),
        )

    def forget_recordings(self, digest: str) -> None:
        """Drop what only the training of blocks needs: it is a hundred times as large."""
        if self.tail is not None:
            self.cache.forget(self._recordings(digest, self.tail))

    def _different(self, sources: Sequence[Source]) -> tuple[dict[str, Source], Labels]:
        """One source for each different content, and the number of each given one's."""
        hashes: dict[Source, str] = {}
        for source in sources:
            if source not in hashes:
                hashes[source] = self.identify(source)
        different: dict[str, Source] = {}
        for source in sources:
            different.setdefault(hashes[source], source)
        numbers = {key: number for number, key in enumerate(different)}
        return different, np.array([numbers[hashes[source]] for source in sources], dtype=np.int64)

    def _pictures(self, digest: str, sources: dict[str, Source]) -> list[int]:
        keys, every = list(sources), list(sources.values())
        towers, tail = self.towers, self.tail
        space = f"{digest}/pictures"
        bad: dict[int, BadPicture] = {}

        def decoded(numbers: Sequence[int]) -> tuple[list[int], list[Pixels]]:
            some = [every[number] for number in numbers]
            pixels = self.decode(some, towers.pixel_spec)
            good = []
            for number, picture in zip(numbers, pixels, strict=True):
                if isinstance(picture, BadPicture):
                    bad[number] = picture
                else:
                    good.append(number)
            return good, [p for p in pixels if not isinstance(p, BadPicture)]

        def features(numbers: Sequence[int]) -> tuple[Sequence[int], Rows]:
            good, pixels = decoded(numbers)
            return good, towers.image_features(np.stack(pixels)).numpy() if good else _NOTHING

        kept = cached(self.cache, space, keys, _GROUP, features, on_progress=self.on_pictures)
        for number, error in bad.items():
            self.on_bad_picture(every[number], error)
        if tail is not None:
            chosen = [keys[number] for number in kept]

            def recordings(numbers: Sequence[int]) -> tuple[Sequence[int], Rows]:
                good, pixels = decoded([kept[number] for number in numbers])
                back = {number: place for place, number in enumerate(kept)}
                rows = towers.recorded(tail, np.stack(pixels)).numpy() if good else _NOTHING
                return [back[number] for number in good], rows

            kept_recordings = cached(
                self.cache, self._recordings(digest, tail), chosen, _GROUP, recordings
            )
            kept = [kept[number] for number in kept_recordings]
        return kept

    def _texts(self, digest: str, captions: Sequence[str]) -> Rows:
        space = f"{digest}/texts"
        keys = [hashlib.sha256(caption.encode()).hexdigest() for caption in captions]

        def features(numbers: Sequence[int]) -> tuple[Sequence[int], Rows]:
            some = [captions[number] for number in numbers]
            return numbers, self.towers.text_features(some).numpy()

        cached(self.cache, space, keys, _GROUP, features)
        return self.cache.read(space, keys)

    def _recordings(self, digest: str, tail: TowerTail) -> str:
        return f"{digest}/before the last {tail.blocks} blocks"

    def _tails(self, digest: str, keys: Sequence[str]) -> Callable[[Labels], CachedTail] | None:
        tail = self.tail
        if tail is None:
            return None
        space = self._recordings(digest, tail)
        return lambda rows: CachedTail(
            tail, self.cache, space, [keys[row] for row in rows.tolist()]
        )


_NOTHING: Rows = np.empty((0, 0), dtype=np.float32)


def enough_captions(captions: Sequence[str], least: int = MIN_CAPTIONS) -> tuple[list[str], Labels]:
    """Different captions and each given one's number. Raises SourceError for too few."""
    found, caption_of = unique_captions(captions)
    if len(found) < least:
        raise SourceError(
            f"Found {len(found)} different captions where training needs {least}.",
            remedy="Name a folder with more captioned pictures.",
        )
    return found, caption_of
