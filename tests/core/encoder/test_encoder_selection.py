"""The fastest way that says the same is taken; what is asked for by name, where it works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from core.domain.errors import EncodingFailed, ModelUnavailable
from core.encoder.autotune import PLAIN, Selection
from core.encoder.backends.base import BackendUnavailable
from core.encoder.build import Steps, require, usable
from core.encoder.choice import CLOSE, EXACT, BackendTrial, RuntimeConfig
from core.encoder.trials import SearchCheck

OPENVINO, ONNX = RuntimeConfig("openvino", "float32"), RuntimeConfig("onnx", "float32")
OPENVINO_HALF, TORCH_HALF = (
    RuntimeConfig("openvino", "bfloat16"),
    RuntimeConfig("torch", "bfloat16"),
)
INT8 = RuntimeConfig("openvino", "int8")
PRECISIONS = {
    "torch": ("float32", "bfloat16"),
    "openvino": ("float32", "bfloat16", "int8"),
    "onnx": ("float32",),
}


class Built:
    """An encoder that only knows how it runs."""

    def __init__(self, way: RuntimeConfig) -> None:
        self.backend, self.precision = way.backend, way.precision
        self.trials: tuple[BackendTrial, ...] = ()
        self.refused: tuple[str, ...] = ()

    def record(self, trials: Sequence[BackendTrial], refused: Sequence[str] = ()) -> None:
        """Keep what was measured."""
        self.trials, self.refused = tuple(trials), tuple(refused)


class Shop:
    """Builds encoders (``core.encoder.autotune.Builds``): of the ways that are ``told``."""

    def __init__(self, told: Mapping[RuntimeConfig, tuple[float, float] | Exception]) -> None:
        self.told = told
        self.kept: RuntimeConfig | None = None

    def precisions(self, backend: str) -> Sequence[str]:
        """As on a CPU that can do everything."""
        return PRECISIONS[backend]

    def build(self, way: RuntimeConfig) -> Any:
        """An encoder, or the error that is told."""
        outcome = self.told.get(way)
        if isinstance(outcome, Exception):
            raise outcome
        return Built(way)

    def forget_all_but(self, way: RuntimeConfig) -> None:
        """Note it."""
        self.kept = way

    def trial(self, candidate: Any, _: Any, backend: str, precision: str) -> BackendTrial:
        """The cosine and gain that are told."""
        cosine, gain = self.told.get(RuntimeConfig(backend, precision), (1.0, 0.5))  # type: ignore[misc]  # no error: it was built
        assert (candidate.backend, candidate.precision) == (backend, precision)
        return BackendTrial(backend, precision, cosine, gain, gain)


def best(
    told: Mapping[RuntimeConfig, tuple[float, float] | Exception],
    backend: str = "auto",
    precision: str = "auto",
    overlap: float | Exception | None = None,
) -> Built:
    """What is chosen; ``overlap``: what a check finds, None where there is none."""
    shop = Shop(told)
    installed = {"openvino": lambda: True, "onnx": lambda: True}
    steps = Steps(compare=shop.trial, installed=installed)

    def looked(*_: Any) -> float:
        if isinstance(overlap, Exception):
            raise overlap
        assert overlap is not None
        return overlap

    check = None if overlap is None else SearchCheck("pictures", looked)
    chosen: Any = Selection(shop, backend, precision, check, steps).best()
    assert shop.kept == RuntimeConfig(chosen.backend, chosen.precision)
    assert isinstance(chosen, Built)
    return chosen


def way(chosen: Built) -> RuntimeConfig:
    """How it runs."""
    return RuntimeConfig(chosen.backend, chosen.precision)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({}, PLAIN),
        ({OPENVINO: (1.0, 1.3), ONNX: (1.0, 1.2)}, OPENVINO),
        ({OPENVINO: (1.0, 1.3), ONNX: (1.0, 1.4)}, ONNX),
        (
            {OPENVINO: (1.0, 1.3), OPENVINO_HALF: (0.9985, 2.5), TORCH_HALF: (1.0, 2.1)},
            OPENVINO_HALF,
        ),
        ({OPENVINO: (1.0, 1.3), OPENVINO_HALF: (0.9979, 2.5)}, OPENVINO),
        ({OPENVINO: (0.99985, 1.3)}, PLAIN),
        ({OPENVINO: (1.0, 0.84), OPENVINO_HALF: (1.0, 0.98)}, PLAIN),
        ({OPENVINO: (1.0, 0.86), OPENVINO_HALF: (1.0, 0.98)}, OPENVINO),
        ({OPENVINO: (1.0, 0.9), ONNX: (1.0, 0.86), TORCH_HALF: (1.0, 1.1)}, TORCH_HALF),
        ({OPENVINO: BackendUnavailable("no"), ONNX: (1.0, 1.1)}, ONNX),
        ({OPENVINO: EncodingFailed("no"), TORCH_HALF: (1.0, 1.1)}, TORCH_HALF),
    ],
)
def test_auto_takes_the_fastest_that_says_the_same(
    told: Mapping[RuntimeConfig, tuple[float, float] | Exception],
    wanted: RuntimeConfig,
) -> None:
    """0.998 for half precision, 0.9999 for float32; slower ones are no gain; failures no end.

    Only an export in float32 may be a little slower than torch, which it saves loading.
    """
    chosen = best(told)
    assert way(chosen) == wanted
    for each, outcome in told.items():
        failed = isinstance(outcome, Exception)
        assert failed != any(RuntimeConfig(t.backend, t.precision) == each for t in chosen.trials)
        if failed:
            assert f"{each}: no" in chosen.refused


@pytest.mark.parametrize(
    ("cosine", "overlap", "precision", "wanted", "said"),
    [
        (0.9990, 0.97, "auto", INT8, None),
        (0.9990, 0.949, "auto", PLAIN, "finds 94.9% of the ten best"),
        (0.9970, 0.97, "auto", PLAIN, "a cosine of 0.9970"),
        (0.9990, None, "auto", PLAIN, None),
        (0.9990, EncodingFailed("too few"), "auto", PLAIN, "int8: too few"),
        (0.9970, 0.97, "int8", INT8, None),
        (0.9990, 0.949, "int8", PLAIN, "finds 94.9% of the ten best"),
        (0.9990, None, "int8", PLAIN, "too few indexed pictures"),
    ],
)
def test_int8_has_to_find_the_same_pictures(
    *,
    cosine: float,
    overlap: float | Exception | None,
    precision: str,
    wanted: RuntimeConfig,
    said: str | None,
) -> None:
    """95% of the results, on the pictures that are searched; unasked, the same index as well."""
    chosen = best({INT8: (cosine, 4.0)}, precision=precision, overlap=overlap)
    assert way(chosen) == wanted
    if said is not None:
        assert said in " ".join(chosen.refused)
    assert bool(chosen.refused) == (said is not None)
    if isinstance(overlap, float):
        assert overlap in [trial.overlap for trial in chosen.trials]


def test_a_named_backend_is_taken_though_it_is_slower() -> None:
    """The operator may have reasons; of its precisions the fastest that says the same."""
    told: dict[RuntimeConfig, tuple[float, float] | Exception] = {
        OPENVINO: (1.0, 0.8),
        OPENVINO_HALF: (0.99, 0.9),
        ONNX: (1.0, 5.0),
    }
    assert way(best(told, backend="openvino")) == OPENVINO


def test_a_model_that_a_backend_does_not_understand_runs_on_torch() -> None:
    """Also where that backend was named: the bot starts, and the status says why."""
    told = {OPENVINO: BackendUnavailable("does not understand this model.")}
    chosen = best(told, backend="openvino", precision="float32")
    assert way(chosen) == PLAIN
    assert chosen.refused == ("openvino float32: does not understand this model.",)


@pytest.mark.parametrize(
    ("openvino", "torch", "wanted"),
    [(0.9999, 0.9, OPENVINO_HALF), (0.9, 0.9, TORCH_HALF), (0.9, 0.9999, TORCH_HALF)],
)
def test_a_named_precision_is_taken_where_it_strays(
    openvino: float, torch: float, wanted: RuntimeConfig
) -> None:
    """The closer backend; torch where none is close (it is another model to indexes then)."""
    told = {OPENVINO_HALF: (openvino, 2.0), TORCH_HALF: (torch, 1.5)}
    assert way(best(told, precision="bfloat16")) == wanted


def test_a_named_precision_that_fails_on_torch_is_an_error() -> None:
    """Torch is the last resort: its own reason reaches the operator."""
    told = {TORCH_HALF: ModelUnavailable("overflows in half precision.")}
    with pytest.raises(ModelUnavailable, match="overflows"):
        best(told, backend="torch", precision="bfloat16")


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_what_is_not_installed_is_told_with_how_to(backend: str) -> None:
    """One line to copy; auto goes on without it."""
    absent = {"openvino": lambda: False, "onnx": lambda: False}
    with pytest.raises(ModelUnavailable, match="not installed") as caught:
        require(backend, "auto", absent)
    assert "pip install " in caught.value.remedy
    assert backend in caught.value.remedy
    with pytest.raises(ModelUnavailable, match="openvino, which is not installed"):
        require("auto", "int8", absent)
    require("auto", "auto", absent)
    assert usable("auto", absent) == ("torch",)


@pytest.mark.parametrize(
    ("backend", "precision", "bar"),
    [("torch", "bfloat16", CLOSE), ("openvino", "float32", EXACT)],
)
def test_what_meets_the_bar_is_good(backend: str, precision: str, bar: float) -> None:
    """The least cosine is enough, anything below is not; as fast is no gain."""
    trial = BackendTrial(backend, precision, bar, 1.0, 2.0)
    assert trial.good
    assert not replace(trial, cosine=bar - 1e-9).good
    assert not trial.faster
    assert replace(trial, texts=1.001).faster


@pytest.mark.parametrize(
    ("backend", "precision"),
    [("onnx", "int8"), ("onnx", "bfloat16"), ("torch", "int8"), ("openvino", "float16")],
)
def test_what_does_not_go_together_is_told(backend: str, precision: str) -> None:
    """With what does."""
    with pytest.raises(ModelUnavailable, match=f"does not compute in {precision}") as caught:
        require(backend, precision)
    assert "float32" in caught.value.remedy


def test_unknown_names_are_told() -> None:
    """With those that there are."""
    with pytest.raises(ModelUnavailable, match="no backend tensorflow") as caught:
        require("tensorflow", "auto")
    assert "auto, torch, openvino, onnx" in caught.value.remedy
    with pytest.raises(ModelUnavailable, match="no precision int4"):
        require("auto", "int4")
