"""An unfinished training on disk, and what a finished one says of itself."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.domain.errors import ModelUnavailable, SourceError
from core.training.heads import Head, Heads

_FILE = "state.pt"


class StateFile:
    """The state of the training whose result goes to ``out``, in ``<out>.training`` beside it.

    Args:
        out: the checkpoint's folder.
        begun_with: a text for each thing that a state only fits together with.

    """

    def __init__(self, out: Path, begun_with: Mapping[str, str]) -> None:
        self._folder = out.with_name(f"{out.name}.training")
        self._begun_with = dict(begun_with)

    def save(self, state: Mapping[str, Any]) -> None:
        """Write a state in place of the one before; a kill leaves one of both whole.

        Raises SourceError where it cannot be written.
        """
        import torch  # noqa: PLC0415 - heavy

        part = self._folder / f"{_FILE}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                torch.save({"begun_with": self._begun_with, "state": dict(state)}, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._folder / _FILE)
        except OSError as error:
            raise SourceError(
                f"The training cannot be saved in {self._folder}: {error.strerror or error}.",
                remedy="Free some space there, or make the folder writable.",
            ) from error

    def load(self) -> dict[str, Any] | None:
        """The state; None where there is none.

        Raises SourceError where it belongs to another training, or is damaged.
        """
        import torch  # noqa: PLC0415 - heavy

        file = self._folder / _FILE
        if not file.is_file():
            return None
        try:
            # Tensors, numbers and texts only: nothing in the file is ever run.
            found = torch.load(file, map_location="cpu", weights_only=True)
            begun_with, state = found["begun_with"], found["state"]
        except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.PickleError) as error:
            raise SourceError(
                f"The unfinished training in {self._folder} cannot be read.",
                remedy="Begin anew: leave --resume out.",
            ) from error
        other = [name for name, text in self._begun_with.items() if begun_with.get(name) != text]
        if other:
            raise SourceError(
                f"The unfinished training in {self._folder} was begun with other "
                f"{' and '.join(other)}.",
                remedy="Name the same again, or leave --resume out to begin anew.",
            )
        loaded: dict[str, Any] = state
        return loaded

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def heads_state(heads: Heads) -> dict[str, Any]:
    return {
        "image": _head_state(heads.image),
        "text": _head_state(heads.text),
        "logit_scale": heads.logit_scale,
    }


def heads_of_state(state: Mapping[str, Any]) -> Heads:
    """The heads that :func:`heads_state` was given."""
    return Heads(_head(state["image"]), _head(state["text"]), float(state["logit_scale"]))


def _head_state(head: Head | None) -> list[Any] | None:
    return None if head is None else [head.weight, head.bias]


def _head(state: list[Any] | None) -> Head | None:
    return None if state is None else Head(*state)


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
        return json.dumps(asdict(self) | {"learnt": sorted(self.learnt)}, indent=1) + "\n"


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
        parts = {name: dict(value[name]) for name in ("settings", "before", "after")}
        return TrainingRecord(**parts, learnt=frozenset(map(str, value["learnt"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"{file} cannot be read, so nobody knows which pictures the model was trained with.",
            remedy="Train the model again.",
        ) from error
