"""Whether a command and the running bot mean the same collections, model and rules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from config.settings import Settings

_MATTER = {
    "data_dir": (),
    "gallery": (),
    "model": (),
    "device": (),
    "database_url": (),
    "files_url": (),
    "vectors_url": (),
    "vectors_collections": (),
    "collections": (),
    "encoder": ("backend", "precision"),
    "pictures": (),
    "index": (),
    "search": (),
}
"""What an answer depends on: a setting, and which fields of it; none: all."""


def agree(ours: Settings, theirs: Settings, folder: Path) -> bool:
    """Whether the bot's settings are all that a command was told.

    What nobody told the command is as the bot has it. ``folder`` is the one that the command's
    relative paths start from.
    """
    if _placed(ours.data_dir, Path.cwd()) != _placed(theirs.data_dir, folder):
        return False
    told = theirs.model_fields_set - {"data_dir"}
    return all(
        own == other
        for name in told & _MATTER.keys()
        for own, other in _pairs(name, getattr(ours, name), getattr(theirs, name), folder)
    )


def _pairs(name: str, ours: Any, theirs: Any, folder: Path) -> Iterator[tuple[object, object]]:
    if isinstance(theirs, BaseModel):
        fields = set(_MATTER[name]) or theirs.model_fields_set
        for field in fields & theirs.model_fields_set:
            yield getattr(ours, field), getattr(theirs, field)
    elif name == "collections":
        yield _collections(ours, Path.cwd()), _collections(theirs, folder)
    elif isinstance(theirs, Path):
        yield None if ours is None else _placed(ours, Path.cwd()), _placed(theirs, folder)
    elif name == "model":
        yield _model(ours, Path.cwd()), _model(theirs, folder)
    else:
        yield ours, theirs


def _collections(collections: Any, folder: Path) -> list[tuple[object, ...]]:
    return [(c.name, _placed(c.folder, folder), c.communities) for c in collections]


def _model(model: str, folder: Path) -> str:
    place = _placed(Path(model), folder)
    return place if Path(place).is_dir() else model


def _placed(path: Path, folder: Path) -> str:
    return os.path.realpath(folder / path.expanduser())
