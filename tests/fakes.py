"""Hand-written, deterministic fakes of the ports, asserted on by state.

Texts and pictures share one space: each named colour owns a direction. A text leans to the
colours that it names, a picture to the colours that it shows; what remains of both is
hashed into further directions. So ``"something red"`` finds the red pictures first, and two
different red pictures are alike (cosine about 0.92) without being near-duplicates.

Fakes of whole collections: ``tests/fake_collections.py``.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.domain.errors import (
    DamagedPicture,
    EncodingFailed,
    NotAPicture,
    TangerineError,
)
from core.domain.types import (
    DecodedFrame,
    DecodedPicture,
    Lane,
    ModelIdentity,
    PixelBatch,
    PixelSpec,
    Vectors,
)
from core.images.look import placeholder_of

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (220, 20, 30),
    "orange": (255, 140, 0),
    "yellow": (250, 230, 20),
    "green": (20, 150, 40),
    "blue": (20, 60, 220),
    "purple": (130, 20, 160),
    "pink": (255, 150, 190),
    "brown": (110, 65, 25),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "cyan": (0, 210, 220),
}
"""The colours that the fake encoder knows by name, with their RGB values."""

_ANCHORS = np.array(list(COLOURS.values()), dtype=np.float32)
_NAMES = list(COLOURS)
_HASHED = 20
_HASH_WEIGHT = 0.3


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """The rows scaled to length 1, float32."""
    rows = np.asarray(vectors, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def hashed_unit(key: bytes, dimension: int) -> Vectors:
    """A unit vector that depends on the key alone, float32 [dimension]."""
    seed = int.from_bytes(hashlib.sha256(key).digest()[:8], "big")
    return unit(np.random.default_rng(seed).standard_normal(dimension))


def picture_bytes(colour: str | tuple[int, int, int], seed: int = 0, edge: int = 24) -> bytes:
    """A real PNG in one colour with a few speckles of its own: another seed, other bytes."""
    rgb = COLOURS[colour] if isinstance(colour, str) else colour
    pixels = np.full((edge, edge, 3), rgb, dtype=np.int16)
    noise = np.random.default_rng(seed).integers(-12, 13, size=(edge, edge, 1))
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


class FakeClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class FakeEncoder:
    """A dual encoder by colour; ``texts`` and ``batches`` keep what it was asked to do.

    ``fails_on`` takes a text and says whether its batch fails, as a real tower would.
    """

    def __init__(
        self,
        *,
        name: str = "fake",
        edge: int = 8,
        fails_on: Callable[[str], bool] = lambda _text: False,
    ) -> None:
        self.identity = ModelIdentity(
            name=name,
            fingerprint=hashlib.sha256(name.encode()).hexdigest(),
            dimension=len(COLOURS) + _HASHED,
        )
        self.pixel_spec = PixelSpec(height=edge, width=edge, fit="stretch", resample=2)
        self.logit_scale = 100.0
        self.device = "cpu"
        self.fails_on = fails_on
        self.texts: list[str] = []
        self.batches: list[tuple[str, int]] = []

    @property
    def images(self) -> int:
        """How many pictures were encoded so far."""
        return sum(size for kind, size in self.batches if kind == "images")

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        for text in texts:
            if self.fails_on(text):
                raise EncodingFailed("The encoder failed on a text.")
        self.texts.extend(texts)
        self.batches.append(("texts", len(texts)))
        return np.stack([self._text(text) for text in texts])

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        spec = self.pixel_spec
        assert pixels.dtype == np.uint8
        assert pixels.shape[1:] == (spec.height, spec.width, 3)
        self.batches.append(("images", len(pixels)))
        return np.stack([self._image(picture) for picture in pixels])

    def _text(self, text: str) -> Vectors:
        words = re.findall(r"\w+", text.lower()) or [text]
        colours = np.array([float(words.count(name)) for name in _NAMES], dtype=np.float32)
        rest = [word for word in words if word not in COLOURS] or words
        hashed = unit(
            np.sum(
                [hashed_unit(f"{self.identity.name}/{word}".encode(), _HASHED) for word in rest],
                axis=0,
            )
        )
        if not colours.any():
            return unit(np.concatenate([colours, hashed]))
        return unit(np.concatenate([unit(colours), _HASH_WEIGHT * hashed]))

    def _image(self, picture: NDArray[np.uint8]) -> Vectors:
        flat = picture.reshape(-1, 3).astype(np.float32)
        nearest = np.linalg.norm(flat[:, None] - _ANCHORS[None], axis=2).argmin(axis=1)
        colours = np.bincount(nearest, minlength=len(COLOURS)).astype(np.float32)
        key = self.identity.name.encode() + (picture >> 1).tobytes()
        return unit(np.concatenate([unit(colours), _HASH_WEIGHT * hashed_unit(key, _HASHED)]))


class HeldEncoder(FakeEncoder):
    """Holds every batch until ``gate`` is set; ``begun`` is set once the first one is there."""

    def __init__(self, *, held_s: float = 60.0) -> None:
        super().__init__()
        self.gate, self.begun = threading.Event(), threading.Event()
        self._held_s = held_s

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self._hold()
        return super().encode_texts(texts)

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        self._hold()
        return super().encode_images(pixels)

    def _hold(self) -> None:
        self.begun.set()
        assert self.gate.wait(self._held_s)


class FakeEmbedder:
    """The embedder port over a fake encoder, one item at a time, no batching.

    ``gate`` may be cleared to hold every caller until it is set again; ``lanes`` counts
    the calls of each lane; ``error`` is raised instead of an answer while it is set.
    """

    def __init__(self, encoder: FakeEncoder | None = None, *, delay: float = 0.0) -> None:
        self.encoder = encoder or FakeEncoder()
        self.delay = delay
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: TangerineError | None = None
        self.lanes: dict[Lane, int] = dict.fromkeys(Lane, 0)

    @property
    def identity(self) -> ModelIdentity:
        return self.encoder.identity

    @property
    def pixel_spec(self) -> PixelSpec:
        return self.encoder.pixel_spec

    @property
    def pictures_encoded(self) -> int:
        """How many pictures were encoded so far."""
        return self.encoder.images

    @property
    def texts_encoded(self) -> int:
        """How many texts were encoded so far."""
        return len(self.encoder.texts)

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        await self._admit(lane)
        return self.encoder.encode_texts([text])[0]

    async def embed_pixels(self, pixels: NDArray[np.uint8], *, lane: Lane = Lane.CHAT) -> Vectors:
        await self._admit(lane)
        return self.encoder.encode_images(pixels[None])[0]

    async def _admit(self, lane: Lane) -> None:
        self.lanes[lane] += 1
        await asyncio.sleep(self.delay)
        await self.gate.wait()
        if self.error is not None:
            raise self.error


def _bytes(source: bytes | Path) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _frames(source: bytes | Path, spec: PixelSpec) -> tuple[DecodedFrame, ...]:
    """All frames of an animation, a second each."""
    with Image.open(io.BytesIO(_bytes(source))) as image:
        if not getattr(image, "is_animated", False):
            return ()
        found = []
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            small = image.convert("RGB").resize((spec.width, spec.height), resample=spec.resample)
            found.append(DecodedFrame(float(number), np.asarray(small, dtype=np.uint8)))
        return tuple(found)


class FakeDecoder:
    """Decodes in this process with Pillow; ``decoded`` keeps what it was asked for as pixels.

    ``opened`` keeps every source that it read, for whatever purpose.
    ``errors`` maps a file name to the error that decoding it raises; ``at_once`` is the
    highest number of decodes that were under way together.
    """

    def __init__(self, *, errors: Mapping[str, TangerineError] | None = None) -> None:
        self.errors = dict(errors or {})
        self.decoded: list[bytes | Path] = []
        self.opened: list[bytes | Path] = []
        self.at_once = 0
        self._under_way = 0

    async def decode(
        self, source: bytes | Path, spec: PixelSpec, *, preview: int = 0, frames: bool = False
    ) -> DecodedPicture:
        self.decoded.append(source)
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            await asyncio.sleep(0)
            image, kind = self._open(source)
        finally:
            self._under_way -= 1
        resized = image.resize((spec.width, spec.height), resample=spec.resample)
        pixels = np.asarray(resized, dtype=np.uint8)
        pixels.setflags(write=False)
        shown = image.copy()
        if preview:
            shown.thumbnail((preview, preview))
        return DecodedPicture(
            pixels=pixels,
            format=kind,
            width=image.width,
            height=image.height,
            placeholder=placeholder_of(image),
            preview=np.asarray(shown, dtype=np.uint8) if preview else None,
            frames=_frames(source, spec) if frames else (),
        )

    async def kept(self, source: bytes | Path, edge: int) -> bytes:
        self._open(source)
        data = _bytes(source)
        with Image.open(io.BytesIO(data)) as image:
            if getattr(image, "is_animated", False):
                return data
        return await self.thumbnail(source, edge)

    async def thumbnail(self, source: bytes | Path, edge: int, at_s: float = 0.0) -> bytes:
        await asyncio.sleep(0)
        image, _ = self._open(source)
        with Image.open(io.BytesIO(_bytes(source))) as moving:
            if at_s:
                moving.seek(int(at_s))  # each frame lasts a second here
                image = moving.convert("RGB")
        image.thumbnail((edge, edge))
        out = io.BytesIO()
        image.save(out, "JPEG")
        return out.getvalue()

    def _open(self, source: bytes | Path) -> tuple[Image.Image, str]:
        self.opened.append(source)
        if isinstance(source, Path) and source.name in self.errors:
            raise self.errors[source.name]
        data = source if isinstance(source, bytes) else source.read_bytes()
        try:
            with Image.open(io.BytesIO(data)) as opened:
                return opened.convert("RGB"), opened.format or ""
        except UnidentifiedImageError:
            raise NotAPicture("This is no picture.", remedy="Send a JPEG or PNG.") from None
        except (OSError, ValueError, SyntaxError):
            raise DamagedPicture("The picture is damaged.", remedy="Send it anew.") from None
