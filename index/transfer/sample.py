"""Checks the vectors of an exported folder against a sample that is encoded again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from core.domain.errors import BadPicture, EncodingFailed
from core.domain.ports import Embedder, PictureDecoder
from core.domain.types import Lane, Vectors
from index.indexing.patience import patiently
from index.transfer.rows import Block

SAMPLE: Final = 32
"""Pictures, and captions, that are encoded again: two seconds on a CPU. Where one vector in ten is
wrong, 32 miss it once in 29 times."""

AGREEMENT: Final = 0.98
"""The least cosine of an honest vector with the one made here: other backends and numbers of the
same model come to 0.998 each (:mod:`core.encoder.trials`)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an export says: this picture (a file), or this caption, has this vector [d].

    ``key`` is its SHA-256, as the catalogue has it.
    """

    key: str
    of: Path | str
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Checked:
    """``agree`` and ``differ`` are the keys of the claims that were tried."""

    agree: frozenset[str] = frozenset()
    differ: frozenset[str] = frozenset()


class VectorSample:
    """Encodes some of what an export claims, with this installation's model.

    Called from another thread than that of ``loop``, on which decoder and embedder run. The
    choice of claims cannot be predicted.
    """

    def __init__(
        self,
        embedder: Embedder,
        decoder: PictureDecoder,
        loop: asyncio.AbstractEventLoop,
        *,
        size: int = SAMPLE,
    ) -> None:
        self._embedder = embedder
        self._decoder = decoder
        self._loop = loop
        self.size = size

    @property
    def fingerprint(self) -> str:
        return self._embedder.identity.fingerprint

    def claims(
        self, blocks: Iterable[Block], things: Mapping[str, Mapping[str, Path | str]]
    ) -> list[Claim]:
        """Those to try of all vectors of an export.

        ``things``: what the keys of each table, by its name, stand for.
        """
        chance = random.SystemRandom()
        wanted = {
            table: set(chance.sample(sorted(keys), min(self.size, len(keys))))
            for table, keys in things.items()
        }
        chosen = []
        for block in blocks:
            left, of = wanted[block.table.name], things[block.table.name]
            for row, vector in zip(block.rows, block.vectors, strict=True):
                key = str(row[block.key.name])
                # Of equal pictures each has a vector, and the first is taken in.
                if key in left and vector.any():
                    left.discard(key)
                    chosen.append(Claim(key, of[key], vector))
        return chosen

    def check(self, claims: Sequence[Claim]) -> Checked:
        """Try each of these. Blocking.

        A picture that cannot be decoded here counts as neither. Raises EncodingFailed,
        ShuttingDown.
        """

        async def every() -> list[bool | None]:
            return [await self._agrees(claim) for claim in claims]

        told = asyncio.run_coroutine_threadsafe(every(), self._loop).result()
        found = list(zip(claims, told, strict=True))
        return Checked(
            frozenset(claim.key for claim, same in found if same is True),
            frozenset(claim.key for claim, same in found if same is False),
        )

    async def _agrees(self, claim: Claim) -> bool | None:
        embedder = self._embedder
        if isinstance(claim.of, str):
            call = partial(embedder.embed_text, claim.of, lane=Lane.BULK)
        else:
            try:
                decoded = await self._decoder.decode(claim.of, embedder.pixel_spec)
            except BadPicture:
                return None
            call = partial(embedder.embed_pixels, decoded.pixels, lane=Lane.BULK)
        try:
            vector = await patiently(call)
        except EncodingFailed:
            if isinstance(claim.of, str):
                return None  # a text that this model cannot encode
            raise
        return bool(np.dot(vector, claim.vector) >= AGREEMENT)
