"""What ``tangerine find``, ``similar``, ``describe`` and ``classify`` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.chat.parser import split_list
from bot.protocol.json_views import classify_view, describe_view, search_view
from bot.terminal.console import Terminal
from core.search.query import SearchQuery
from index.library.library import LOCAL

if TYPE_CHECKING:
    from bot.engine.engine import Engine


async def find(
    engine: Engine,
    terminal: Terminal,
    *,
    text: str,
    k: int,
    exclude: str | None,
    collection: str | None,
    label: str | None,
    json: bool,
) -> int:
    """The task ``find``."""
    result = await engine.search.find(
        SearchQuery.parse(text, label=label or "", exclude=exclude or ""),
        community=LOCAL,
        collection=engine.collection_name(collection),
        k=k,
    )
    terminal.json(search_view(result)) if json else terminal.hits(result)
    return 0


async def similar(
    engine: Engine,
    terminal: Terminal,
    *,
    image: Path,
    text: str | None,
    k: int,
    collection: str | None,
    json: bool,
) -> int:
    """The task ``similar``."""
    result = await engine.search.similar(
        image, community=LOCAL, collection=engine.collection_name(collection), k=k, text=text
    )
    terminal.json(search_view(result)) if json else terminal.hits(result)
    return 0


async def describe(
    engine: Engine,
    terminal: Terminal,
    *,
    image: Path,
    k: int,
    collection: str | None,
    json: bool,
) -> int:
    """The task ``describe``."""
    result = await engine.search.describe(
        image, community=LOCAL, collection=engine.collection_name(collection), k=k
    )
    terminal.json(describe_view(result)) if json else terminal.captions(result)
    return 0


async def classify(
    engine: Engine, terminal: Terminal, *, image: Path, labels: Sequence[str], json: bool
) -> int:
    """The task ``classify``; each of the labels may be a list of some."""
    apart = [label for written in labels for label in split_list(written)]
    result = await engine.search.classify(image, apart)
    terminal.json(classify_view(result)) if json else terminal.labels(result)
    return 0
