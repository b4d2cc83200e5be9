"""What encoders and those who ask them say to each other over HTTP: paths, headers, bodies.

Numbers travel as they lie in memory, row by row: pixels as ``uint8``, vectors as ``float32`` in
little-endian order, so that a vector is the same to the bit wherever it was made.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import numpy as np
from pydantic import TypeAdapter

from core.domain.types import ModelIdentity, PixelBatch, Vectors
from core.encoder.known import KnownEncoder

TEXTS = "/v1/embeddings"
"""POST: OpenAI's own form, answered with bytes where the client accepts :data:`BINARY`."""

PIXELS = "/v1/pixels"
"""POST: the bytes of ``uint8`` [n, height, width, 3]."""

ABOUT = "/v1/encoder"
"""GET: JSON of a :class:`core.encoder.known.KnownEncoder`; 503 while it encodes nothing."""

BINARY = "application/octet-stream"

SHAPE = "Tangerine-Shape"
"""Numbers separated by commas, of a binary body."""

DTYPE = "Tangerine-Dtype"
"""``uint8`` or ``float32``, of a binary body."""

LANE = "Tangerine-Lane"
"""``chat`` (the default: somebody waits) or ``bulk``."""

TIMEOUT = "Tangerine-Timeout"
"""Seconds after which the client wants no answer any more."""

REQUEST_ID = "X-Request-Id"
"""The id of the request in the client's log."""

_SHAPE = re.compile(r"[0-9]{1,6}(,[0-9]{1,6}){1,3}")


class BadShapeError(Exception):
    """Headers and body do not belong together; the text says what is wrong."""


def entity_tag(fingerprint: str) -> str:
    """A model as ``ETag`` and ``If-Match`` name it (RFC 9110, 8.8.3)."""
    return f'"{fingerprint}"'


@functools.cache
def about_adapter() -> TypeAdapter[KnownEncoder]:
    """Reads and writes :data:`ABOUT`; what a newer program tells besides is left out."""
    return TypeAdapter(KnownEncoder)


def shape_of(headers: Mapping[str, str], dtype: str) -> tuple[int, ...]:
    """The shape that headers name for values of this type. Raises BadShapeError."""
    if headers.get(DTYPE) != dtype:
        raise BadShapeError(f"{DTYPE} has to be {dtype}")
    written = headers.get(SHAPE, "")
    if not _SHAPE.fullmatch(written):
        raise BadShapeError(f"{SHAPE} has to be two to four numbers separated by commas")
    return tuple(int(part) for part in written.split(","))


def binary_headers(array: Vectors | PixelBatch) -> dict[str, str]:
    """What :func:`shape_of` reads, for an array that is sent as it lies in memory."""
    return {DTYPE: array.dtype.name, SHAPE: ",".join(map(str, array.shape))}


def vectors_in(headers: Mapping[str, str], body: bytes, *, count: int, dimension: int) -> Vectors:
    """The vectors of an answer, float32 [count, dimension]. Raises BadShapeError."""
    shape = shape_of(headers, "float32")
    if shape != (count, dimension):
        raise BadShapeError(f"{list(shape)} vectors instead of {[count, dimension]}")
    if len(body) != 4 * count * dimension:
        raise BadShapeError(f"{len(body)} bytes for {count} vectors of {dimension} numbers")
    vectors = np.frombuffer(body, "<f4").reshape(shape)
    if not np.isfinite(vectors).all():
        raise BadShapeError("a vector that is not finite")
    return vectors


def difference(ours: ModelIdentity, theirs: ModelIdentity) -> str | None:
    """What another encoder does otherwise, as ``runs “b” …``; None where vectors are comparable."""
    if ours.fingerprint == theirs.fingerprint and ours.dimension == theirs.dimension:
        return None
    if ours.dimension != theirs.dimension:
        return (
            f"runs “{theirs.name}” with {theirs.dimension} dimensions instead of “{ours.name}” "
            f"with {ours.dimension}"
        )
    prints = f"(fingerprint {theirs.fingerprint[:12]} instead of {ours.fingerprint[:12]})"
    if ours.name != theirs.name:
        return f"runs “{theirs.name}” instead of “{ours.name}” {prints}"
    return f"runs “{theirs.name}” with other weights or another preprocessing {prints}"
