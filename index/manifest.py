"""The manifest: which generation of a collection is the current one, and how to trust it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from core.types import ModelIdentity
from index.durable import checksum, swap_durably

FORMAT = 1
"""The layout of a generation's folder; another one is rebuilt from the catalogue."""

NAME = "manifest.json"


class DamagedGenerationError(Exception):
    """A manifest or a file of its generation is missing, torn or foreign."""


@dataclass(frozen=True, slots=True)
class FileSum:
    """What a file must be: SHA-256 (hex) and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation: counts, engines, model, and the checksum of each of its files.

    ``recall``: the share of the true ten best pictures that the engine finds, as measured on
    the collection; None where it finds all.
    """

    collection: str
    generation: int
    pictures: int
    captions: int
    kind: str
    model: ModelIdentity
    files: Mapping[str, FileSum]
    caption_kind: str = "exact"
    recall: float | None = None

    def write(self, folder: Path) -> None:
        """Make this the collection's current generation, in one step. Raises OSError."""
        document = {"format": FORMAT, **asdict(self)}
        swap_durably(folder / NAME, json.dumps(document, indent=1).encode())

    def verify(self, generation: Path) -> None:
        """Compare every file with its checksum. Raises DamagedGenerationError."""
        for name, expected in self.files.items():
            try:
                found = checksum(generation / name)
            except OSError as error:
                raise DamagedGenerationError(f"{name} cannot be read") from error
            if found != (expected.sha256, expected.size):
                raise DamagedGenerationError(f"{name} is damaged")


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
        if document.pop("format") != FORMAT:
            raise DamagedGenerationError("the manifest is of another version")
        files = {name: FileSum(**entry) for name, entry in document.pop("files").items()}
        model = ModelIdentity(**document.pop("model"))
        if any(Path(name).name != name for name in files):
            raise DamagedGenerationError("the manifest names a file elsewhere")
        return Manifest(files=files, model=model, **document)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedGenerationError("the manifest is damaged") from error
