"""Thumbnails of the collections' pictures, made once and kept in bounded memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cachetools import LRUCache

from bot.protocol.ports import KeptThumbnails
from core.domain.errors import NotFound
from core.domain.ports import PictureDecoder
from core.domain.single_flight import SingleFlight


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
        self._kept: LRUCache[tuple[str, int], bytes] = LRUCache(capacity, getsizeof=len)
        self._making: SingleFlight[tuple[str, int], bytes] = SingleFlight()

    async def get(self, sha256: str, path: Path, edge: int, *, of_folder: bool = False) -> bytes:
        """A JPEG of at most ``edge`` x ``edge`` pixels of the file with this hash.

        ``of_folder``: the file is one of a collection's folder, not an upload.
        Raises NotFound where the file is gone, and BadPicture and its subclasses.
        """
        key = (sha256, edge)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        store = self._store if of_folder else None
        return await self._making.run(key, lambda: self._make(key, path, store))

    async def _make(self, key: tuple[str, int], path: Path, store: KeptThumbnails | None) -> bytes:
        kept = None if store is None else await asyncio.to_thread(store.get, *key)
        if kept is not None:
            self._kept[key] = kept
            return kept
        try:
            jpeg = await self._decoder.thumbnail(path, key[1])
        except OSError:
            raise NotFound(
                "The file of that picture is gone.", remedy="Ask an administrator to reindex."
            ) from None
        if len(jpeg) <= self._kept.maxsize:
            self._kept[key] = jpeg
        if store is not None:
            # Nobody waits for this.
            storing = asyncio.create_task(asyncio.to_thread(store.put, *key, jpeg, path))
            self._storing.add(storing)
            storing.add_done_callback(self._storing.discard)
        return jpeg

    async def close(self) -> None:
        await self._making.close()
        await asyncio.gather(*self._storing, return_exceptions=True)
