"""An encoder opened from its export alone: no torch, no transformers, no checkpoint.

An export is a folder with the two towers in a backend's own form, the tokenizer, and facts.
It is written by :mod:`core.encoder.build`, beside torch and transformers, which stay the reference:
they load any checkpoint, train, export, and run on GPUs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from core.domain.errors import ModelUnavailable
from core.encoder.backends.base import Towers
from core.encoder.backends.onnx import OnnxTowers
from core.encoder.backends.openvino import OpenVinoTowers
from core.encoder.backends.sequence_packing import TextPacking
from core.encoder.choice import RuntimeConfig
from core.encoder.encoder import Probed, TransformersEncoder
from core.encoder.exported_tokenizer import ExportedAs
from core.encoder.exports import Exports
from core.encoder.known import KnownEncoder
from core.encoder.tokenizer import TextTokens

_FACTS = "facts.json"


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What stands beside the towers.

    ``text_limit``: the most tokens that the text tower takes; ``text_end``: see ``TextPacking``,
    None where texts are not packed; ``temperature``: factor and bias on cosines; ``tokenizer``:
    None where transformers is needed to cut texts.
    """

    text_limit: int | None
    text_end: int | None
    temperature: tuple[float, float]
    tokenizer: ExportedAs | None

    def write(self, folder: Path) -> None:
        """Into an export."""
        (folder / _FACTS).write_bytes(TypeAdapter(ExportFacts).dump_json(self))

    @classmethod
    def read(cls, folder: Path) -> ExportFacts:
        """Of an export. Raises OSError, ValueError."""
        content = (folder / _FACTS).read_bytes()
        return TypeAdapter(ExportFacts).validate_json(content)


def exported_towers(
    folder: Path, way: RuntimeConfig, facts: ExportFacts, threads: int | None, *, late: bool = False
) -> Towers:
    """The towers of an export; ``late``: each is opened when it is first used.

    Raises BackendUnavailable, and ImportError where the backend is not installed.
    """
    packing = None if facts.text_end is None else TextPacking(facts.text_end)
    if way.backend == "openvino":
        return OpenVinoTowers(folder, way.precision, threads, packing, late=late)
    return OnnxTowers(folder, threads, packing, late=late)


def serve_export(
    known: KnownEncoder,
    exports: Exports,
    *,
    threads: int | None,
    max_batch: int | None,
    late: bool,
) -> TransformersEncoder | None:
    """The encoder that is known, from its export; None where that is missing or not whole.

    ``late``: its towers are opened when they are first used. Blocking.
    """
    folder = exports.find(known.export) if known.export else None
    if folder is None:
        return None
    way = RuntimeConfig(known.choice.backend, known.choice.precision)
    try:
        facts = ExportFacts.read(folder)
        if facts.tokenizer is None:
            return None
        towers = exported_towers(folder, way, facts, threads, late=late)
    except (OSError, ValidationError, ImportError, ModelUnavailable):
        return None  # some file or package is not what it was: all is looked at anew
    encoder = TransformersEncoder(
        towers,
        TextTokens.exported(folder, facts.tokenizer, facts.text_limit),
        known.pixel_spec,
        name=known.identity.name,
        fingerprint=known.identity.fingerprint,
        temperature=facts.temperature,
        max_batch=max_batch,
        probed=Probed(known.identity.dimension, known.pads_to_longest),
    )
    encoder.choice = known.choice
    return encoder
