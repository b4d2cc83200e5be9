"""What is known of an encoder that was loaded here before, kept between starts.

It stands for the files of a checkpoint as long as their names, sizes and times stay, and for
what was asked. An encoder that runs from an export is opened by it without torch and without
transformers (:mod:`core.encoder.serving`): it was compared with them when it was made. Their
versions are therefore no part of its key, nor whether they are still installed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from core.domain.types import ModelIdentity, PixelSpec
from core.encoder.benchmark_cache import JsonCache, package_version, verdict_key
from core.encoder.choice import EncoderChoice
from core.encoder.exports import LAYOUT
from core.encoder.hub import Checkpoint

_REFERENCES = frozenset({"torch", "transformers"})

_GPU = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
"""There with the driver of a GPU by NVIDIA or AMD: asked without torch."""


@dataclass(frozen=True, slots=True)
class KnownEncoder:
    """What can be told of an encoder without loading it: see the properties of the encoder.

    ``export`` names what it runs from below ``exports/models``, None where that is the checkpoint.
    ``checkable``: eight-bit integers may be chosen once there are pictures to check them on.
    """

    identity: ModelIdentity
    pixel_spec: PixelSpec
    device: str
    logit_scale: float
    packs_texts: bool
    choice: EncoderChoice
    pads_to_longest: bool = False
    export: str | None = None
    checkable: bool = False


class KnownEncoders:
    """Those of one checkpoint below ``exports``, as ``load_encoder`` was asked.

    ``check``: the subject of the check that is at hand (``core.encoder.trials.SearchCheck``).
    Raises OSError where the checkpoint's files are going.
    """

    def __init__(
        self,
        exports: Path,
        checkpoint: Checkpoint,
        *,
        name: str,
        device: str,
        backend: str,
        precision: str,
        threads: int,
        check: str | None,
    ) -> None:
        self._kept = JsonCache(KnownEncoder, exports / "known")
        self._signature = signature(checkpoint)
        self._asked = {
            "name": name,
            "device": device,
            "backend": backend,
            "precision": precision,
            "threads": threads,
            "gpu": any(path.exists() for path in _GPU),
            "exports": LAYOUT,
        }
        self._check = check

    def find(self) -> KnownEncoder | None:
        """What was kept; None where nothing was, or where the check may change it."""
        found = self._kept.find(self._key(self._check))
        if found is None and self._check is not None:
            unchecked = self._kept.find(self._key(None))
            return None if unchecked is None or unchecked.checkable else unchecked
        return found

    def keep(self, known: KnownEncoder) -> None:
        """For the next start."""
        self._kept.keep(self._key(self._check), known)

    def _key(self, check: str | None) -> str:
        return verdict_key(self._signature, {**self._asked, "check": check}, versions=_version)


def signature(checkpoint: Checkpoint) -> str:
    """What changes when a file of the checkpoint does: names, sizes and times, not contents.

    Of where it lies the last name alone: a data folder that was moved, or copied with its times,
    holds the same.
    """
    files = sorted(
        (path.name, status.st_size, status.st_mtime_ns)
        for path in checkpoint.folder.iterdir()
        if path.is_file() and (status := path.stat())
    )
    return json.dumps([checkpoint.folder.name, files])


def _version(package: str) -> str | None:
    return None if package in _REFERENCES else package_version(package)
