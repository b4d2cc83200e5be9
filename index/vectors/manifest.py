"""The manifest: the current generation of a collection, and the checksums of its files."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.domain.types import ModelIdentity
from index.vectors.durable import checksum, swap_durably
from index.vectors.mapped import VECTORS

FORMAT = 4
"""The layout of a generation's folder; another one is rebuilt from the catalogue."""

NAME = "manifest.json"

_SEAL = "seal"
"""The key of the SHA-256 over everything else, which detects a flipped bit in a count or in a
model's fingerprint."""


class DamagedGenerationError(Exception):
    """A manifest or a file of its generation is missing, torn or foreign."""


@dataclass(frozen=True, slots=True)
class FileSum:
    """What a file must be: SHA-256 (hex) and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class GenerationFiles:
    """A folder beside the manifest, and the checksum of each file in it."""

    folder: str
    files: Mapping[str, FileSum]

    def verify(self, home: Path, at_once: int = sys.maxsize) -> None:
        """Compare every file with its checksum.

        Of mapped vectors with more than ``at_once`` bytes in all, only the size is compared.
        Raises DamagedGenerationError.
        """
        mapped = {name: each for name, each in self.files.items() if name.endswith(VECTORS)}
        if sum(each.size for each in mapped.values()) <= at_once:
            mapped = {}
        for name, expected in self.files.items():
            path = home / self.folder / name
            try:
                if name in mapped:
                    same = path.stat().st_size == expected.size
                else:
                    same = checksum(path) == (expected.sha256, expected.size)
            except OSError as error:
                raise DamagedGenerationError(f"{name} cannot be read") from error
            if not same:
                raise DamagedGenerationError(f"{name} is damaged")

    def is_there(self, home: Path) -> bool:
        """Whether every file is there in its size, which costs one ``stat`` each."""
        try:
            return all(
                (home / self.folder / name).stat().st_size == expected.size
                for name, expected in self.files.items()
            )
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class BaseGeneration(GenerationFiles):
    """The files of a whole generation, its number and its counts."""

    generation: int
    pictures: int
    captions: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation: counts, engines, model, and the checksum of each of its files.

    ``recall``: the share of the true ten best pictures that the engine finds, as measured on
    the collection; None where it finds all. ``folder``: where its files are.
    ``base``: the whole generation over which this one lies, and ``changes`` how
    many pictures of it are not as they were, or new; ``kind`` and ``recall`` are then the base's.
    """

    collection: str
    generation: int
    pictures: int
    captions: int
    kind: str
    model: ModelIdentity
    files: Mapping[str, FileSum]
    caption_kind: str
    recall: float | None
    folder: str
    base: BaseGeneration | None = None
    changes: int = 0

    @property
    def own(self) -> GenerationFiles:
        return GenerationFiles(self.folder, self.files)

    @property
    def whole(self) -> BaseGeneration:
        """The generation that needs no other one: the base, or this one."""
        if self.base is not None:
            return self.base
        own = self.own
        return BaseGeneration(own.folder, own.files, self.generation, self.pictures, self.captions)

    @property
    def layers(self) -> tuple[GenerationFiles, ...]:
        """All folders that make up this generation, the base first."""
        return (self.own,) if self.base is None else (self.base, self.own)

    def write(self, folder: Path) -> None:
        """Make this the collection's current generation, in one step. Raises OSError."""
        document: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        document[_SEAL] = _seal(document)
        swap_durably(folder / NAME, json.dumps(document, indent=1).encode())

    def verify(self, home: Path) -> None:
        """Compare every file with its checksum; ``home`` holds the manifest.

        Raises DamagedGenerationError.
        """
        for each in self.layers:
            each.verify(home)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a collection's folder, None where there is none.

    Raises DamagedGenerationError where it is torn, or written by another version.
    """
    try:
        data = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedGenerationError("the manifest cannot be read") from error
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise DamagedGenerationError("the manifest is of another version")
        if document.pop(_SEAL) != _seal(document):
            raise DamagedGenerationError("the manifest is damaged")
        del document["format"]
        files = _sums(document.pop("files"))
        model = ModelIdentity(**document.pop("model"))
        below = document.pop("base")
        base = None if below is None else BaseGeneration(files=_sums(below.pop("files")), **below)
        manifest = Manifest(files=files, model=model, base=base, **document)
        if any(
            Path(name).name != name
            for each in manifest.layers
            for name in (each.folder, *each.files)
        ):
            raise DamagedGenerationError("the manifest names a file elsewhere")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedGenerationError("the manifest is damaged") from error
    return manifest


def _seal(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what a manifest says, however it is laid out."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _sums(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, FileSum]:
    return {name: FileSum(**entry) for name, entry in entries.items()}
