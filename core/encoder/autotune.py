"""Which way to run a model: those that were asked for, tried beside torch in float32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from core.domain.errors import EncodingFailed, ModelUnavailable
from core.encoder.build import STEPS, Steps, usable
from core.encoder.choice import AGREES, BackendTrial, RuntimeConfig
from core.encoder.encoder import TransformersEncoder
from core.encoder.trials import SearchCheck

PLAIN = RuntimeConfig("torch", "float32")
"""What every other way is compared with."""

_INT8 = RuntimeConfig("openvino", "int8")

_LEAN = 0.85
"""How fast an export in float32 has to be beside torch: a start with it takes a third of the time
and half of the memory, since neither torch nor transformers is loaded."""

_HALVES = ("bfloat16", "float16")


class Builds(Protocol):
    """What makes encoders (``core.encoder.build.EncoderBuilder``)."""

    def precisions(self, backend: str) -> Sequence[str]:
        """What may gain there and is worth a try."""

    def build(self, way: RuntimeConfig) -> TransformersEncoder:
        """The encoder that runs in this way. Raises ModelUnavailable."""

    def forget_all_but(self, way: RuntimeConfig) -> None:
        """Delete what was made for other ways."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The best of some ways.

    ``backend`` and ``precision`` are what was asked for, both possibly ``auto``. What is asked for
    by name is taken where it works at all; what is left to us has to be as exact as its precision
    allows (see ``core.encoder.trials``), and faster. Integers of eight bits have to pass ``check``
    in any case.
    """

    workshop: Builds
    backend: str
    precision: str
    check: SearchCheck | None
    steps: Steps = STEPS

    def best(self) -> TransformersEncoder:
        """The fastest way that will do; torch where none does. Raises ModelUnavailable."""
        return self._best((), ())

    def _best(self, trials: Sequence[BackendTrial], refused: Sequence[str]) -> TransformersEncoder:
        trials, refused = list(trials), list(refused)
        if self.precision == "int8" and self.check is None:
            told = f"{_INT8}: there are too few indexed pictures to check it on."
            return replace(self, precision="auto")._best(trials, [*refused, told])  # noqa: SLF001  # the same class
        reference = self.workshop.build(PLAIN)
        chosen, won = reference, 0.0
        for way in self._ways():
            insisted = way.backend == "torch" and way.precision == self.precision
            try:
                encoder = self.workshop.build(way)
                trial = self._try(way, encoder, reference)
            except (ModelUnavailable, EncodingFailed) as error:
                if insisted:
                    raise
                refused.append(f"{way}: {error.message}")
                continue
            trials.append(trial)
            if self._will_do(trial):
                if trial.gain > won:
                    chosen, won = encoder, trial.gain
                continue
            if insisted:
                # Nothing closer may be found; then it is another model as far as indexes go.
                chosen = encoder
            refused.extend(_why_not(trial))
        if chosen is reference and self.precision == "int8":
            plainer = replace(self, precision="auto", check=None)
            return plainer._best(trials, refused)  # noqa: SLF001  # the same class
        chosen.record(trials, refused)
        self.workshop.forget_all_but(RuntimeConfig(chosen.backend, chosen.precision))
        return chosen

    def _ways(self) -> Iterator[RuntimeConfig]:
        backends = (
            usable(self.precision, self.steps.installed)
            if self.backend == "auto"
            else (self.backend,)
        )
        for backend in backends:
            found = self.precision == "auto"
            for precision in self.workshop.precisions(backend) if found else (self.precision,):
                way = RuntimeConfig(backend, precision)
                if way != PLAIN and not (found and precision == "int8" and self.check is None):
                    yield way

    def _try(
        self, way: RuntimeConfig, encoder: TransformersEncoder, reference: TransformersEncoder
    ) -> BackendTrial:
        trial = self.steps.compare(encoder, reference, way.backend, way.precision)
        if way.precision != "int8" or self.check is None:
            return trial
        return replace(trial, overlap=self.check.overlap(encoder, reference))

    def _will_do(self, trial: BackendTrial) -> bool:
        if trial.precision == "int8":
            if not trial.agrees or (self.precision != "int8" and not trial.close):
                return False
        elif self.precision not in _HALVES:
            if not trial.good:
                return False
        elif self.backend == "auto" and not trial.close:
            return False
        # Where a backend or a lesser precision was named, speed is not the question.
        ours = self.backend in {"auto", "torch"} and self.precision in {"auto", "float32"}
        if trial.backend != "torch" and trial.precision == "float32":
            return not ours or min(trial.texts, trial.pictures) >= _LEAN
        return trial.faster or not ours


def _why_not(trial: BackendTrial) -> Iterator[str]:
    way = RuntimeConfig(trial.backend, trial.precision)
    if trial.precision == "int8" and not trial.agrees:
        yield (
            f"{way}: it finds {trial.overlap:.1%} of the ten best results of float32; "
            f"{AGREES:.0%} are wanted."
        )
    elif not trial.good:
        yield f"{way}: its vectors come to a cosine of {trial.cosine:.4f} with float32's."
