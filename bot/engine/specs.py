"""The collections of the settings, and the data folder that they are kept in."""

from __future__ import annotations

import os
from pathlib import Path

from config.settings import Settings
from core.domain.errors import NotFound, SourceError
from index.catalogue.file_types import NameRules
from index.library.library import CollectionSpec


def collection_specs(settings: Settings) -> tuple[CollectionSpec, ...]:
    """The collections of the settings, the default one first."""
    rules = name_rules(settings)
    return tuple(
        CollectionSpec(c.name, c.folder.expanduser(), frozenset(c.communities), c.is_named, rules)
        for c in settings.all_collections
    )


def name_rules(settings: Settings) -> NameRules:
    return NameRules(settings.index.exclude)


def collection_named(settings: Settings, name: str | None) -> CollectionSpec:
    """The collection of this name, or the default one. Raises NotFound."""
    specs = {spec.name: spec for spec in collection_specs(settings)}
    if not specs:
        raise no_collection()
    if name is None:
        return next(iter(specs.values()))
    if name not in specs:
        raise NotFound(
            "There is no collection “{collection}”.",
            remedy="Choose one of: {names}.",
            collection=name,
            names=", ".join(specs),
        )
    return specs[name]


def no_collection() -> NotFound:
    """The error where the settings name no folder of pictures."""
    return NotFound(
        "There is no collection.", remedy="Set TANGERINE_GALLERY to a folder of pictures."
    )


def operators(settings: Settings) -> frozenset[str]:
    """The communities of the operators alone with the bot, on both platforms."""
    return frozenset(
        {f"discord:dm:{each}" for each in settings.discord.admins}
        | {f"telegram:{each}" for each in settings.telegram.admins if each > 0}
    )


def has_data(folder: Path) -> bool:
    """Whether there is a data folder; also where it cannot be looked at: who opens it says why."""
    try:
        folder.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def make_data_dir(folder: Path) -> None:
    """Make the data folder where it is missing. Raises SourceError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Made by an earlier version, or by hand: what lies inside is nobody else's either.
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)
    except OSError as error:
        raise SourceError(
            f"The data folder {folder} cannot be made: {error.strerror}.",
            remedy="Set TANGERINE_DATA_DIR to a folder that you may write to.",
        ) from error
