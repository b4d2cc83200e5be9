"""What can be told to be wrong at once, before a model is loaded: folders, and the model's name."""

from __future__ import annotations

from pathlib import Path

from bot.engine.files import has_some
from bot.engine.specs import collection_named, collection_specs, has_data
from config.settings import Settings
from core.domain.errors import EmptyCollection, ModelUnavailable, SourceError
from core.encoder.hub import local_checkpoint, names_folder
from core.encoder.hub_check import HubUnreachableError, ask_hub
from index.catalogue.walk import holds_pictures
from index.library.library import CollectionSpec, folder_gone

_HUB_TIMEOUT_S = 3.0
"""Long enough for a hub that answers at all: a start must not wait for one that does not."""


def check_start(settings: Settings) -> list[SourceError]:
    """What is wrong with some collections, which do not keep the others from being served.

    Blocking: it may ask the hub for the model's name. Raises NotFound where there is no
    collection, SourceError where none has a folder with pictures in it or pictures that were
    added in chat, ModelUnavailable where the hub has no such model or a folder holds none.
    """
    specs = collection_specs(settings)
    if not specs:
        collection_named(settings, None)
    troubles = [trouble for spec in specs if (trouble := _trouble(settings, spec))]
    if len(troubles) == len(specs):
        raise troubles[0]
    if settings.encoder.urls:
        return troubles  # the encoders know which model there is
    try:
        check_model(settings.model)
    except ModelUnavailable:
        # A folder's disk may be mounted later: the start tells it, and tries again.
        if not names_folder(settings.model) or Path(settings.model).expanduser().exists():
            raise
    return troubles


def check_question(settings: Settings, collection: str | None) -> None:
    """Whether a question about a collection can be answered at all. Blocking.

    Raises NotFound where there is no such collection, SourceError where its folder is not
    there, EmptyCollection, and ModelUnavailable where there is no such model.
    """
    spec = collection_named(settings, collection)
    if not spec.folder.is_dir() and not _has_uploads(settings, spec):
        raise folder_gone(spec, named=True)
    check_indexed(settings, collection)
    if settings.model != "mini" and not settings.encoder.urls:
        local_checkpoint(settings.model)


def check_indexed(settings: Settings, collection: str | None) -> None:
    """Whether anything was ever indexed here: who only reads makes no data folder.

    Raises NotFound where there is no such collection, else EmptyCollection. Blocking.
    """
    spec = collection_named(settings, collection)
    if not has_data(settings.data_dir):
        raise EmptyCollection(collection=spec.name)


def check_model(model: str) -> bool:
    """Whether it is known that there is such a model: False where the hub cannot be asked.

    Blocking. Raises ModelUnavailable where there is none, and for a folder that holds none.
    """
    if model == "mini" or local_checkpoint(model) is not None:
        return True
    try:
        ask_hub(model, timeout_s=_HUB_TIMEOUT_S)
    except HubUnreachableError:
        return False
    return True


def _trouble(settings: Settings, spec: CollectionSpec) -> SourceError | None:
    if _has_uploads(settings, spec):
        return None
    other = "Name another folder: make run GALLERY=~/Pictures, or TANGERINE_GALLERY."
    if not spec.folder.exists():
        return SourceError(f"There is no folder {spec.folder}.", remedy=f"Mount it, or: {other}")
    if not spec.folder.is_dir():
        return SourceError(f"{spec.folder} is a file, and no folder of pictures.", remedy=other)
    try:
        if holds_pictures(spec.folder, spec.rules):
            return None
    except SourceError as error:
        return error
    return SourceError(
        f"The folder {spec.folder} holds no pictures.", remedy=f"Put some there. {other}"
    )


def _has_uploads(settings: Settings, spec: CollectionSpec) -> bool:
    return has_some(settings, spec.name)
