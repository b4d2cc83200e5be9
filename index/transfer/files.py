"""Writing and reading one part of an exported collection: lines, captions and vectors."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from core.domain.errors import SourceError
from core.domain.types import Vectors
from index.catalogue.rows import CHUNK
from index.transfer.format import CAPTIONS, PICTURES, VECTORS, Kept, opened, texts_of

BLOCK = CHUNK
"""Vectors in memory at once: 1 MiB at 512 dimensions."""

_MAX_LINE = 1 << 24
"""Bytes of one line: a picture with eight thousand captions of two thousand letters."""

_MAX_BYTES = 1 << 30
"""Bytes of all lines together: a few million pictures, and what a machine can hold."""

_UNIT = 1e-3
"""How far from 1 the length of a vector may be; float32 leaves about 1e-6."""

_T = TypeVar("_T", bound=BaseModel)

Fetch = Callable[[Sequence[str]], Vectors]
"""The vectors of up to BLOCK keys: float32 [n, d], a row of zeros where there is none."""


def write_lines(file: Path, entries: Iterable[BaseModel]) -> None:
    """One JSON object a line. Raises OSError."""
    with file.open("x", encoding="utf-8") as out:
        for entry in entries:
            out.write(entry.model_dump_json() + "\n")


def read_lines(root: Path, path: str, kind: type[_T]) -> list[_T]:
    """What :func:`write_lines` wrote. Raises OSError, and SourceError naming the line."""
    entries: list[_T] = []
    read = 0
    with opened(root, path, links=False) as stream:
        while line := stream.readline(_MAX_LINE):
            read += len(line)
            if read > _MAX_BYTES or len(line) == _MAX_LINE:
                raise refused(f"{path} is too large")
            try:
                entries.append(kind.model_validate_json(line))
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                where = ".".join(map(str, first["loc"])) or "it"
                reason = f"{where}: {first['msg'].removeprefix('Value error, ')}"
                raise refused(f"{path}, line {len(entries) + 1}: {reason}") from None
    return entries


def write_part(
    folder: Path,
    entries: Sequence[Kept],
    dimension: int,
    pictures: Fetch,
    captions: Fetch,
) -> None:
    """The lines, the table of captions and the vectors of these pictures.

    ``pictures`` gives vectors by SHA-256, ``captions`` by text. Raises OSError.
    """
    write_lines(folder / PICTURES, entries)
    with (folder / CAPTIONS).open("x", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(("image", "description"))
        for entry in entries:
            table.writerows((_cell(entry.path), text) for text in entry.captions)
    scratch = [folder / f"{VECTORS}.{name}" for name in ("pictures", "captions")]
    try:
        save_file(
            {
                "pictures": _gathered(
                    scratch[0], [entry.sha256 for entry in entries], dimension, pictures
                ),
                "captions": _gathered(scratch[1], list(texts_of(entries)), dimension, captions),
            },
            folder / VECTORS,
        )
    except SafetensorError as error:
        raise OSError(0, str(error)) from error
    finally:
        for file in scratch:
            file.unlink(missing_ok=True)


def read_vectors(
    root: Path, path: str, shapes: dict[str, int], dimension: int
) -> Iterator[tuple[str, int, Vectors]]:
    """The tensors of a file in blocks: the name, the first row, float32 [<= BLOCK, d].

    ``shapes`` are the rows that each tensor must have. Every row is a unit vector, or zeros.
    Raises OSError, and SourceError where the file holds anything else.
    """
    with opened(root, path, links=False):
        pass
    try:
        with safe_open(root / path, framework="np") as file:
            if sorted(file.keys()) != sorted(shapes):
                raise refused(f"{path} does not hold the tensors {' and '.join(shapes)}")
            for name, rows in shapes.items():
                tensor = file.get_slice(name)
                shape = tuple(tensor.get_shape())
                if tensor.get_dtype() != "F32" or shape != (rows, dimension):
                    raise refused(
                        f"{path}: {name} is {tensor.get_dtype()} {list(shape)}, but "
                        f"F32 [{rows}, {dimension}] is wanted"
                    )
            for name, rows in shapes.items():
                tensor = file.get_slice(name)
                for first in range(0, rows, BLOCK):
                    block = np.ascontiguousarray(
                        tensor[first : min(first + BLOCK, rows)], dtype=np.float32
                    )
                    lengths = np.linalg.norm(block, axis=1)
                    # NaN compares as False: neither a unit vector nor zeros.
                    if not ((np.abs(lengths - 1) <= _UNIT) | (lengths == 0)).all():
                        raise refused(f"{path}: {name} holds rows that are no unit vectors")
                    yield name, first, block
    except SafetensorError as error:
        raise refused(f"{path} is no safetensors file ({error})") from None


def refused(reason: str) -> SourceError:
    return SourceError(
        f"This is no whole export: {reason}. Nothing was imported.",
        remedy="Copy the exported folder again, whole, or export the collection anew.",
    )


def _gathered(scratch: Path, keys: Sequence[str], dimension: int, fetch: Fetch) -> Vectors:
    """All vectors in one array that lies on the disk: memory holds one block."""
    if not keys:
        return np.zeros((0, dimension), dtype=np.float32)
    vectors = np.memmap(scratch, dtype=np.float32, mode="w+", shape=(len(keys), dimension))
    first = 0
    for block in _batches(keys):
        vectors[first : first + len(block)] = fetch(block)
        first += len(block)
    vectors.flush()
    return vectors


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(keys), BLOCK):
        yield keys[first : first + BLOCK]


def _cell(path: str) -> str:
    """A path as a table may name it: nothing like a drive, and no spaces that get lost."""
    return f"./{path}" if path != path.strip() or path[1:3] == ":/" else path
