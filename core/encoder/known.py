"""What is known of an encoder from the last time it was loaded, kept between starts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from core.domain.types import ModelIdentity, PixelSpec
from core.encoder.benchmark_cache import choice_of, keep_newest
from core.encoder.hub import Checkpoint
from core.encoder.trials import EncoderChoice

_KEPT = 32
"""Files of a kilobyte each; older ones go."""


@dataclass(frozen=True, slots=True)
class KnownEncoder:
    """What can be told of an encoder without loading it: see the properties of the encoder."""

    identity: ModelIdentity
    pixel_spec: PixelSpec
    device: str
    logit_scale: float
    packs_texts: bool
    choice: EncoderChoice


class KnownEncoders:
    """Encoders by key, one file each, below ``folder``. Damaged files count as missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> KnownEncoder | None:
        """What was told of it then; None where nothing was."""
        try:
            told = json.loads((self._folder / f"{key}.json").read_bytes())
            spec = told["pixel_spec"]
            scale_to = spec["scale_to"]
            return KnownEncoder(
                identity=ModelIdentity(**told["identity"]),
                pixel_spec=PixelSpec(**{**spec, "scale_to": scale_to and tuple(scale_to)}),
                device=str(told["device"]),
                logit_scale=float(told["logit_scale"]),
                packs_texts=bool(told["packs_texts"]),
                choice=choice_of(told["choice"]),
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, key: str, known: KnownEncoder) -> None:
        """Remember it; a folder that cannot be written costs later commands their time."""
        keep_newest(self._folder / f"{key}.json", asdict(known), _KEPT)


def signature(checkpoint: Checkpoint) -> str:
    """What changes when a file of the checkpoint does: names, sizes and times, not contents."""
    files = sorted(
        (path.name, status.st_size, status.st_mtime_ns)
        for path in checkpoint.folder.iterdir()
        if (status := path.stat()) and path.is_file()
    )
    return json.dumps([str(checkpoint.folder.absolute()), files])
