"""Thumbnails of the collections' pictures, made once and kept in bounded memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cachetools import LRUCache

from core.errors import NotFound
from core.ports import PictureDecoder


class Thumbnails:
    """JPEGs by content hash. However many ask for one at a time, it is decoded once.

    ``capacity`` is in bytes: 64 MiB hold about 4,000 thumbnails of 320 pixels.
    """

    def __init__(self, decoder: PictureDecoder, *, capacity: int = 64 * 2**20) -> None:
        self._decoder = decoder
        self._kept: LRUCache[tuple[str, int], bytes] = LRUCache(capacity, getsizeof=len)
        self._under_way: dict[tuple[str, int], asyncio.Task[bytes]] = {}

    async def get(self, sha256: str, path: Path, edge: int) -> bytes:
        """A JPEG of at most ``edge`` x ``edge`` pixels of the file with this hash.

        Raises NotFound where the file is gone, and BadPicture and its kin.
        """
        key = (sha256, edge)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._make(key, path))
            task.add_done_callback(lambda done: self._done(key, done))
        # One caller that leaves must not take the picture from the others.
        return await asyncio.shield(task)

    async def _make(self, key: tuple[str, int], path: Path) -> bytes:
        try:
            jpeg = await self._decoder.thumbnail(path, key[1])
        except OSError:
            raise NotFound(
                "The file of that picture is gone.", remedy="Ask an administrator to reindex."
            ) from None
        if len(jpeg) <= self._kept.maxsize:
            self._kept[key] = jpeg
        return jpeg

    def _done(self, key: tuple[str, int], task: asyncio.Task[bytes]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def close(self) -> None:
        """Cancel what is being made."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
