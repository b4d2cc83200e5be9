"""What reads the words in pictures, by the settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from bot.engine.words import read_collections
from config.settings import Settings
from core.images.pool import DecodePool
from core.images.reader_version import missing_packages
from core.images.reading import WordPool
from index.library.library import FolderLibrary
from index.library.overlay import Overlays
from index.library.word_meanings import WordMeanings
from index.library.word_reading import WordReading

_MIB = 2**20
_Pool = TypeVar("_Pool", bound=DecodePool)


def bounded(settings: Settings, pool: Callable[..., _Pool], *args: Any, **more: Any) -> _Pool:
    """A pool of workers with the bounds that the settings set for untrusted pictures."""
    pictures = settings.pictures
    return pool(
        *args,
        memory_bytes=pictures.memory_mb * _MIB,
        max_bytes=pictures.max_bytes,
        max_file_bytes=int(pictures.max_file_mb * _MIB),
        max_pixels=int(pictures.max_megapixels * 1e6),
        **more,
    )


def word_pool(settings: Settings) -> WordPool:
    """The workers that read words, with the bounds of those that decode pictures."""
    words = settings.words
    return bounded(settings, WordPool, words.workers, timeout_s=words.timeout_s)


async def opened_reading(
    settings: Settings,
    overlays: Overlays,
    library: FolderLibrary,
    meanings: WordMeanings | None,
    stack: AsyncExitStack,
) -> WordReading | None:
    """Reads words, with workers that start with the first picture and end with the stack.

    None where the settings want none, or the packages for it are not installed.
    """
    collections = read_collections(settings)
    if not collections or missing_packages():
        return None
    pool = await stack.enter_async_context(word_pool(settings))
    return WordReading(
        overlays,
        library,
        pool,
        collections,
        at_once=settings.words.workers,
        meanings=meanings,
    )
