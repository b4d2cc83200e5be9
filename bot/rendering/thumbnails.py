"""Thumbnails of the collections' pictures, made once and kept in bounded memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cachetools import LRUCache

from bot.protocol.ports import KeptThumbnails
from core.domain.errors import NotFound
from core.domain.ports import PictureDecoder
from core.domain.single_flight import SingleFlight

_Key = tuple[str, int, int]
"""SHA-256, the longer edge in pixels, and milliseconds into a picture that moves."""


class Thumbnails:
    """JPEGs by content hash. However many ask for one at a time, it is decoded once.

    ``capacity`` is in bytes: 64 MiB hold about 4,000 thumbnails of 320 pixels. ``store`` keeps
    those of the pictures of folders beyond that, and over restarts; what people post in chat is
    never in it.
    """

    def __init__(
        self,
        decoder: PictureDecoder,
        *,
        capacity: int = 64 * 2**20,
        store: KeptThumbnails | None = None,
    ) -> None:
        self._decoder = decoder
        self._store = store
        self._storing: set[asyncio.Task[None]] = set()
        self._kept: LRUCache[_Key, bytes] = LRUCache(capacity, getsizeof=len)
        self._making: SingleFlight[_Key, bytes] = SingleFlight()

    async def get(
        self,
        sha256: str,
        path: Path,
        edge: int,
        *,
        of_folder: bool = False,
        at_s: float | None = None,
    ) -> bytes:
        """A JPEG of at most ``edge`` x ``edge`` pixels of the file with this hash.

        ``of_folder``: the file is one of a collection's folder, not an upload. ``at_s``: of a
        picture that moves the frame at this second; None for the first.
        Raises NotFound where the file is gone, and BadPicture and its subclasses.
        """
        key = (sha256, edge, round(1000 * (at_s or 0)))
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        # Frames are many, and come with the questions that find them: they are not kept on disk.
        store = self._store if of_folder and not key[2] else None
        return await self._making.run(key, lambda: self._make(key, path, store))

    async def _make(self, key: _Key, path: Path, store: KeptThumbnails | None) -> bytes:
        sha256, edge, at_ms = key
        kept = None if store is None else await asyncio.to_thread(store.get, sha256, edge)
        if kept is not None:
            self._kept[key] = kept
            return kept
        try:
            jpeg = await self._decoder.thumbnail(path, edge, at_ms / 1000)
        except OSError:
            raise NotFound(
                "The file of that picture is gone.", remedy="Ask an administrator to reindex."
            ) from None
        if len(jpeg) <= self._kept.maxsize:
            self._kept[key] = jpeg
        if store is not None:
            # Nobody waits for this.
            storing = asyncio.create_task(asyncio.to_thread(store.put, sha256, edge, jpeg, path))
            self._storing.add(storing)
            storing.add_done_callback(self._storing.discard)
        return jpeg

    async def close(self) -> None:
        await self._making.close()
        await asyncio.gather(*self._storing, return_exceptions=True)
