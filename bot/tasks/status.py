"""What ``tangerine status`` does: with a running engine, and without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.engine.encoder import known_encoder
from bot.engine.stored import open_stored
from bot.engine.vectors import copied, milvus
from bot.engine.words import stored_words
from bot.protocol.json_views import encoder_lines, status_view
from bot.protocol.ports import ModelCard
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import FilesUnreachable, VectorsUnreachable
from core.domain.types import CollectionStatus, ModelIdentity, WordsProgress
from core.search.ports import PictureWords
from index.catalogue.catalogue import Catalogue
from index.library.library import LOCAL, CollectionSpec
from index.library.upload_files import UploadFiles

if TYPE_CHECKING:
    from bot.engine.engine import Engine
    from index.catalogue.engine_rows import Copied

_MIB = 2**20


async def status(engine: Engine, terminal: Terminal, *, json: bool) -> int:
    """The task ``status`` of a running bot."""
    collections = await engine.library.status(LOCAL)
    specs = [engine.library.spec_of(each.name) for each in collections]
    words = await asyncio.to_thread(words_read, engine.words, collections)
    kept = await asyncio.to_thread(
        _kept_files, engine.settings, engine.catalogue, engine.overlays.files
    )
    card = engine.model_card()
    return _told(terminal, card, collections, specs, words, kept=kept, json=json)


async def stored_status(settings: Settings, terminal: Terminal, *, json: bool) -> int:
    """The same from the data folder: the model is told of as it was last loaded.

    Encoders over HTTP are asked. Raises ModelUnavailable where none answers.
    """
    async with open_stored(settings) as stored:
        collections = await stored.library.status(LOCAL)
        searched = [stored.library.spec_of(each.name) for each in collections]
        found = await _model(settings, stored.catalogue)
        reading = stored_words(settings, stored.overlays)
        words = await asyncio.to_thread(words_read, reading, collections)
        if found is not None:
            catalogue, model = stored.catalogue, found[1]
            collections = await asyncio.to_thread(compared, catalogue, collections, model)
        kept = await asyncio.to_thread(
            _kept_files, settings, stored.catalogue, stored.overlays.files
        )
    if found is not None:
        card, _ = found
        return _told(terminal, card, collections, searched, words, kept=kept, json=json)
    if json:
        view = status_view(ModelCard(settings.model, 0, ""), collections, words)
        terminal.json({**view, "dimension": None, "device": None, **kept.view})
    else:
        terminal.line(f"model {settings.model}, not loaded yet")
        kept.tell(terminal)
        _collections(terminal, collections, searched, words)
    return 0


async def _model(
    settings: Settings, catalogue: Catalogue
) -> tuple[ModelCard, ModelIdentity] | None:
    """None where it was never loaded. Raises ModelUnavailable where no encoder answers."""
    if settings.encoder.urls:
        # Imported here: what asks others is nothing that everybody waits for.
        from bot.engine.embedding import model_card, remote_embedder  # noqa: PLC0415

        async with remote_embedder(settings) as remote:
            return model_card(settings, remote), remote.identity
    known = await asyncio.to_thread(known_encoder, settings, catalogue)
    if known is None:
        return None
    identity = known.identity
    card = ModelCard(settings.model, identity.dimension, known.device, known.choice)
    return card, identity


def compared(
    catalogue: Catalogue, collections: Sequence[CollectionStatus], model: ModelIdentity
) -> Sequence[CollectionStatus]:
    """The same, with whether each is of another model. Blocking."""
    return [
        replace(each, outdated=catalogue.is_of_another_model(each.name, model))
        for each in collections
    ]


def words_read(
    words: PictureWords, collections: Sequence[CollectionStatus]
) -> Mapping[str, WordsProgress]:
    """How far the words of each collection were read, where they are. Blocking."""
    found = {each.name: words.progress(each.name) for each in collections}
    return {name: come for name, come in found.items() if come is not None}


def named_database(settings: Settings, catalogue: Catalogue) -> str | None:
    """Which database holds the catalogue, where one is set; without a password."""
    return None if settings.database_url is None else catalogue.database.name


@dataclass(frozen=True, slots=True)
class _Vectors:
    """The engine that has vectors, and how many it has of each collection.

    ``trouble``: why it cannot be asked.
    """

    name: str
    copied: Mapping[str, Copied]
    trouble: str = ""

    @property
    def view(self) -> Mapping[str, object]:
        have = {name: {"copied": c.done, "total": c.total} for name, c in self.copied.items()}
        return {"in": self.name, "reached": not self.trouble, "collections": have}

    def tell(self, terminal: Terminal) -> None:
        for name, come in self.copied.items():
            terminal.line(f"vectors of {name} in {self.name}: {come.done:,} of {come.total:,}")
        if self.trouble:
            terminal.warning(self.trouble, "tangerine doctor tells more.")


def _vectors(settings: Settings, catalogue: Catalogue) -> _Vectors | None:
    engine = milvus(settings)
    if engine is None:
        return None
    come = copied(settings, catalogue.database)
    try:
        engine.version()
    except VectorsUnreachable as error:
        return _Vectors(engine.name, come, error.message)
    finally:
        engine.close()
    return _Vectors(engine.name, come)


@dataclass(frozen=True, slots=True)
class _KeptFiles:
    """Where catalogue and files are, unless in the data folder, and how many originals of posts.

    With the bytes that they take. ``trouble``: why the files cannot be reached.
    """

    database: str | None
    files: str | None
    originals: tuple[int, int]
    trouble: str = ""
    vectors: _Vectors | None = None

    @property
    def view(self) -> Mapping[str, object]:
        count, size = self.originals
        told: dict[str, object] = {} if self.database is None else {"database": self.database}
        if self.files is not None:
            told |= {"files": {"in": self.files, "reached": not self.trouble}}
        if self.vectors is not None:
            told |= {"vectors": self.vectors.view}
        return told | ({"originals": {"count": count, "bytes": size}} if count else {})

    def tell(self, terminal: Terminal) -> None:
        if self.database is not None:
            terminal.line(f"catalogue in {self.database}")
        if self.files is not None:
            terminal.line(f"uploads in {self.files}")
        if self.vectors is not None:
            self.vectors.tell(terminal)
        if self.trouble:
            terminal.warning(self.trouble, "tangerine doctor tells more.")
        count, size = self.originals
        if count:
            terminal.line(f"{count:,} originals of posts, {size / _MIB:,.0f} MiB")


def _kept_files(settings: Settings, catalogue: Catalogue, files: UploadFiles) -> _KeptFiles:
    database = named_database(settings, catalogue)
    name = files.name if files.is_remote else None
    vectors = _vectors(settings, catalogue)
    try:
        return _KeptFiles(database, name, files.originals.kept(), vectors=vectors)
    except FilesUnreachable as error:
        return _KeptFiles(database, name, (0, 0), error.message, vectors)


def _told(
    terminal: Terminal,
    card: ModelCard,
    collections: Sequence[CollectionStatus],
    specs: Sequence[CollectionSpec],
    words: Mapping[str, WordsProgress],
    *,
    kept: _KeptFiles,
    json: bool,
) -> int:
    if json:
        terminal.json({**status_view(card, collections, words), **kept.view})
        return 0
    terminal.line(f"model {card.name} ({card.dimension} dimensions) on {card.place}")
    for line in encoder_lines(card):
        terminal.line(line)
    kept.tell(terminal)
    _collections(terminal, collections, specs, words)
    return 0


def _collections(
    terminal: Terminal,
    collections: Sequence[CollectionStatus],
    specs: Sequence[CollectionSpec],
    words: Mapping[str, WordsProgress],
) -> None:
    if not collections:
        terminal.warning(
            "There is no collection.", "Set TANGERINE_GALLERY to a folder of pictures."
        )
        return
    terminal.statuses(list(collections))
    for status in collections:
        if status.outdated:
            terminal.warning(
                f"The vectors of {status.name} are of another model.",
                f"Run: tangerine reindex --full --collection {status.name}\n"
                "A bot does it by itself when it starts with index.upgrade = auto, as for mini.",
            )
    for name, come in words.items():
        terminal.line(
            f"{name}: words in {come.read} of {come.total} pictures read; "
            f"{come.with_words} have some"
        )
    for spec in specs:
        who = ", ".join(sorted(spec.communities)) or "nobody"
        terminal.line(f"{spec.name} is searched by: {who}")
