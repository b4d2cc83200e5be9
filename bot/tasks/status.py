"""What ``tangerine status`` does: with a running engine, and without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.engine.encoder import known_encoder
from bot.engine.reading import stored_words
from bot.engine.stored import open_stored
from bot.protocol.json_views import encoder_lines, status_view
from bot.protocol.ports import ModelCard
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.types import CollectionStatus, ModelIdentity, WordsProgress
from core.search.ports import PictureWords
from index.catalogue.catalogue import Catalogue
from index.library.library import LOCAL, CollectionSpec

if TYPE_CHECKING:
    from bot.engine.engine import Engine


async def status(engine: Engine, terminal: Terminal, *, json: bool) -> int:
    """The task ``status`` of a running bot."""
    collections = await engine.library.status(LOCAL)
    specs = [engine.library.spec_of(each.name) for each in collections]
    words = await asyncio.to_thread(words_read, engine.words, collections)
    database = named_database(engine.settings, engine.catalogue)
    card = engine.model_card()
    return _told(terminal, card, collections, specs, words, database=database, json=json)


async def stored_status(settings: Settings, terminal: Terminal, *, json: bool) -> int:
    """The same from the data folder: the model is told of as it was last loaded.

    Encoders over HTTP are asked. Raises ModelUnavailable where none answers.
    """
    async with open_stored(settings) as stored:
        collections = await stored.library.status(LOCAL)
        searched = [stored.library.spec_of(each.name) for each in collections]
        found = await _model(settings, stored.catalogue)
        kept = stored_words(settings, stored.overlays)
        words = await asyncio.to_thread(words_read, kept, collections)
        if found is not None:
            catalogue, model = stored.catalogue, found[1]
            collections = await asyncio.to_thread(compared, catalogue, collections, model)
        database = named_database(settings, stored.catalogue)
    if found is not None:
        card, _ = found
        return _told(terminal, card, collections, searched, words, database=database, json=json)
    if json:
        view = status_view(ModelCard(settings.model, 0, ""), collections, words)
        terminal.json({**view, "dimension": None, "device": None, **_database_view(database)})
    else:
        terminal.out.print(f"model {settings.model}, not loaded yet", markup=False)
        _tell_database(terminal, database)
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


def _database_view(database: str | None) -> Mapping[str, str]:
    return {} if database is None else {"database": database}


def _tell_database(terminal: Terminal, database: str | None) -> None:
    if database is not None:
        terminal.out.print(f"catalogue in {database}", soft_wrap=True, markup=False)


def _told(
    terminal: Terminal,
    card: ModelCard,
    collections: Sequence[CollectionStatus],
    specs: Sequence[CollectionSpec],
    words: Mapping[str, WordsProgress],
    *,
    database: str | None,
    json: bool,
) -> int:
    if json:
        terminal.json({**status_view(card, collections, words), **_database_view(database)})
        return 0
    terminal.out.print(f"model {card.name} ({card.dimension} dimensions) on {card.place}")
    for line in encoder_lines(card):
        terminal.out.print(line, soft_wrap=True, markup=False)
    _tell_database(terminal, database)
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
        terminal.out.print(
            f"{name}: words in {come.read} of {come.total} pictures read; "
            f"{come.with_words} have some",
            soft_wrap=True,
            markup=False,
        )
    for spec in specs:
        who = ", ".join(sorted(spec.communities)) or "nobody"
        terminal.out.print(f"{spec.name} is searched by: {who}", soft_wrap=True, markup=False)
