"""What a trained checkpoint says of its training: above all, which pictures it has seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import ModelUnavailable

RECORD = "training.json"
"""File in the checkpoint's folder; programs for transformers pass it by."""

_DIGITS = 16
"""Hexadecimal digits kept of a picture's SHA-256: two of a million agree once in 4e7 times."""


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """How a checkpoint was made.

    ``learnt`` holds a key (:func:`picture_key`) of every picture that this training, or one
    before it on which it builds, trained with. ``settings`` are numbers and names, ``before``
    and ``after`` what the held-out pictures said (see ``Evaluation.to_json``).
    """

    settings: Mapping[str, object]
    before: Mapping[str, object]
    after: Mapping[str, object]
    learnt: frozenset[str]

    def to_text(self) -> str:
        """JSON, equal for equal records."""
        value = {
            "settings": dict(self.settings),
            "before": dict(self.before),
            "after": dict(self.after),
            "learnt": sorted(self.learnt),
        }
        return json.dumps(value, indent=1) + "\n"


def picture_key(sha256: str) -> str:
    """By which a picture is known in a record: the beginning of the SHA-256 of its bytes."""
    return sha256[:_DIGITS]


def read_record(model: str | Path) -> TrainingRecord | None:
    """The record in a model's folder; None where there is none, as in models of the hub.

    Raises ModelUnavailable where it is damaged: what the model has seen is not known then.
    """
    file = Path(model).expanduser() / RECORD
    if not file.is_file():
        return None
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        return TrainingRecord(
            settings=dict(value["settings"]),
            before=dict(value["before"]),
            after=dict(value["after"]),
            learnt=frozenset(map(str, value["learnt"])),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"{file} cannot be read, so nobody knows which pictures the model was trained with.",
            remedy="Train the model again.",
        ) from error
