"""What reads the words in pictures, by the settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from config.settings import Settings
from core.domain.ports import Embedder
from core.images.pool import DecodePool
from core.images.reading import WordPool, missing_packages, reader_version
from index.library.library import FolderLibrary
from index.library.overlay import Overlays
from index.library.word_meanings import WordMeanings
from index.library.word_reading import WordReading
from index.library.words import StoredWords

_MIB = 2**20
_Pool = TypeVar("_Pool", bound=DecodePool)


def read_collections(settings: Settings) -> frozenset[str]:
    """The collections whose words are read and searched."""
    if not settings.words.enabled:
        return frozenset()
    names = {each.name for each in settings.all_collections}
    return frozenset(names.difference(settings.words.exclude))


def stored_words(
    settings: Settings, overlays: Overlays, meanings: WordMeanings | None = None
) -> StoredWords:
    """The words that were read, as they are searched; by meaning as well where that is given."""
    return StoredWords(
        overlays,
        read_collections(settings),
        reader_version(),
        meanings,
        sampled=settings.remote_collections,
    )


def word_meanings(
    settings: Settings, overlays: Overlays, embedder: Embedder
) -> WordMeanings | None:
    """What the words mean to the model; None where none are searched.

    Nor where a collection is too large for a node's memory, where they would all be.
    """
    meant = bool(read_collections(settings)) and not settings.remote_collections
    return WordMeanings(overlays, embedder) if meant else None


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
