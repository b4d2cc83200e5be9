"""The words of pictures as they are searched, by the settings: no worker that reads any."""

from __future__ import annotations

from config.settings import Settings
from core.domain.ports import Embedder
from core.images.reader_version import reader_version
from index.library.overlay import Overlays
from index.library.word_meanings import WordMeanings
from index.library.words import StoredWords


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
