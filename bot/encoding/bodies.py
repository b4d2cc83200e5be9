"""What encoders are sent: bodies of bounded size and time, and what stands in them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.encoding.refusals import RefusedCallError
from bot.encoding.wire import BadShapeError, shape_of
from core.domain.types import PixelBatch, PixelSpec, Vectors

_PICTURE_KEYS = ("messages", "image", "images", "image_url", "modality", "pixels")
_NO_PICTURES = (
    "Addresses and files of pictures are not taken here: decode pictures yourself and POST their "
    "pixels to /v1/pixels."
)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What one call may hold: bytes in ``held`` are those of all calls under way together.

    ``arrival_s``: seconds until a body is there.
    """

    texts: int = 256
    characters: int = 16_384
    pictures: int = 64
    json_bytes: int = 4 * 2**20
    held: int = 256 * 2**20
    arrival_s: float = 10.0

    def pixel_bytes(self, spec: PixelSpec) -> int:
        """The longest body of pixels."""
        return self.pictures * spec.height * spec.width * 3


class BodyReader:
    """Reads bodies whose length was told before, all of them within one bound of memory."""

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self._held = 0

    @asynccontextmanager
    async def read(self, request: web.Request, most: int) -> AsyncIterator[bytes]:
        """The body of at most so many bytes, counted while it is worked on.

        Raises RefusedCallError.
        """
        length = request.content_length
        if length is None:
            raise RefusedCallError(411, "length_required", "Send a Content-Length.")
        if length > most:
            raise RefusedCallError(413, "too_large", f"Send at most {most} bytes at once.")
        if self._held + length > self._limits.held:
            raise RefusedCallError(503, "busy", "Too much is being sent at once.", retry_after=1)
        self._held += length
        try:
            try:
                async with asyncio.timeout(self._limits.arrival_s):
                    body = await request.read()
            except TimeoutError:
                raise RefusedCallError(
                    408, "body_timeout", "The body did not arrive in time."
                ) from None
            yield body
        finally:
            self._held -= length


class EmbeddingsBody(BaseModel):
    """What OpenAI's ``/v1/embeddings`` takes; other fields, as ``user``, say nothing to us."""

    model_config = ConfigDict(extra="ignore")

    input: str | list[str]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    @property
    def texts(self) -> Sequence[str]:
        return [self.input] if isinstance(self.input, str) else self.input


def embeddings_body(body: bytes, limits: BodyLimits) -> EmbeddingsBody:
    """The texts of a body. Raises RefusedCallError."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise RefusedCallError(400, "invalid_request", "The body is no JSON object.")
    if _names_pictures(asked):
        raise RefusedCallError(400, "pictures_not_taken", _NO_PICTURES)
    try:
        found = EmbeddingsBody.model_validate(asked)
    except ValidationError as error:
        # Where it is wrong, never what stands there.
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{first['loc'][0]}: {first['msg']}."
        raise RefusedCallError(400, "invalid_request", message) from None
    if not 1 <= len(found.texts) <= limits.texts:
        raise RefusedCallError(400, "invalid_request", f"Send 1 to {limits.texts} texts at once.")
    if any(len(text) > limits.characters for text in found.texts):
        raise RefusedCallError(
            400, "invalid_request", f"A text has at most {limits.characters} characters."
        )
    return found


def _names_pictures(asked: dict[str, Any]) -> bool:
    given = asked.get("input")
    inside = given if isinstance(given, list) else [given]
    return any(key in asked for key in _PICTURE_KEYS) or any(isinstance(i, dict) for i in inside)


def pixel_batch(
    headers: Mapping[str, str], body: bytes, spec: PixelSpec, limits: BodyLimits
) -> PixelBatch:
    """The pictures of a body, uint8 [n, height, width, 3]. Raises RefusedCallError."""
    try:
        shape = shape_of(headers, "uint8")
    except BadShapeError as error:
        raise RefusedCallError(400, "bad_shape", f"{error}.") from None
    wanted = (spec.height, spec.width, 3)
    if len(shape) != 4 or shape[1:] != wanted or not 1 <= shape[0] <= limits.pictures:  # noqa: PLR2004  # [n, h, w, 3]
        raise RefusedCallError(
            400,
            "bad_shape",
            f"This model takes 1 to {limits.pictures} pictures of {wanted}, not {shape}.",
        )
    if len(body) != np.prod(shape, dtype=np.int64):
        raise RefusedCallError(
            400, "wrong_length", f"{len(body)} bytes are not {shape[0]} pictures of {wanted}."
        )
    return np.frombuffer(body, np.uint8).reshape(shape)


def embeddings_json(vectors: Vectors, asked: EmbeddingsBody, model: str) -> dict[str, Any]:
    """OpenAI's answer. Tokens are not counted: each model counts its own."""
    rows: Sequence[Any] = (
        [base64.b64encode(row.tobytes()).decode() for row in vectors]
        if asked.encoding_format == "base64"
        else vectors.tolist()
    )
    return {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": place, "embedding": row}
            for place, row in enumerate(rows)
        ],
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }
