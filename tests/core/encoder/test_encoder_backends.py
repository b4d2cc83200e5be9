"""Backends beside torch: exported once, tried once, and silent towards the network."""

from __future__ import annotations

import ctypes
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch

from core.domain.errors import EncodingFailed
from core.domain.types import Vectors
from core.encoder.backends import openvino as openvino_towers
from core.encoder.build import Steps
from core.encoder.choice import CLOSE, BackendTrial
from core.encoder.load import TransformersEncoder, load_encoder
from core.encoder.model import gains_from_bfloat16
from core.encoder.trials import SearchCheck, compare
from tests.checkpoints import EDGE, tiny_clip

pytestmark = pytest.mark.model

TEXTS = [f"{'very ' * (number % 9)}small dog number {number}" for number in range(40)]
PIXELS = np.random.default_rng(1).integers(0, 256, (23, EDGE, EDGE, 3), dtype=np.uint8)
BACKENDS = {"openvino": "openvino", "onnx": "onnxruntime"}

Load = Callable[..., TransformersEncoder]


class Network:
    """Whoever connects or resolves a name while it listens."""

    def __init__(self) -> None:
        self.listening = False
        self.seen: list[str] = []

    def __call__(self, event: str, _: tuple[Any, ...]) -> None:
        """An audit hook: it cannot be taken away again, only told not to listen."""
        if self.listening and event in {"socket.connect", "socket.getaddrinfo"}:
            self.seen.append(event)


@pytest.fixture(scope="module")
def network() -> Network:
    """One hook for all."""
    network = Network()
    sys.addaudithook(network)
    return network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model."""
    return tiny_clip(tmp_path_factory.mktemp("checkpoint") / "model")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports that the tests share, since nobody spoils them."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def load(folder: Path) -> Load:
    """Loads the model on one thread of the CPU."""

    def load(backend: str, precision: str, exports: Path, **options: Any) -> TransformersEncoder:
        if backend in BACKENDS:
            pytest.importorskip(BACKENDS[backend], reason=f"needs the extra {backend}")
        wanted = {"backend": backend, "precision": precision, "exports": exports}
        return load_encoder(str(folder), device="cpu", threads=1, **wanted, **options)

    return load


@pytest.fixture(scope="module")
def plain(folder: Path) -> TransformersEncoder:
    """Torch in float32."""
    return load_encoder(str(folder), device="cpu", precision="float32", threads=1)


def cosines(ours: Vectors, theirs: Vectors) -> Vectors:
    """Row by row."""
    return (ours * theirs).sum(axis=1)


def agreed(_: Any, __: Any) -> float:
    """A check that is content."""
    return 1.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_second_start_exports_and_tries_nothing(
    *,
    load: Load,
    plain: TransformersEncoder,
    exports: Path,
    network: Network,
    backend: str,
) -> None:
    """What was made and measured is used again; no model is loaded, nobody is called."""
    network.seen.clear()
    network.listening = True
    try:
        first = load(backend, "float32", exports)
    finally:
        network.listening = False
    assert network.seen == []
    assert first.choice.trial is not None
    assert first.choice.trial.cosine >= 0.9999

    def never(*_: object) -> NoReturn:
        raise AssertionError

    second = load(backend, "float32", exports, steps=Steps(load=never, compare=never))
    assert second.choice == first.choice
    assert second.packs_texts
    assert second.identity == first.identity == plain.identity
    assert second.logit_scale == pytest.approx(plain.logit_scale)
    assert cosines(second.encode_texts(TEXTS), plain.encode_texts(TEXTS)).min() >= 0.99999


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_torn_export_is_made_again(
    load: Load, plain: TransformersEncoder, exports: Path, tmp_path: Path, backend: str
) -> None:
    """A file that lost its end does not reach the backend."""
    load(backend, "float32", exports)
    shutil.copytree(exports, tmp_path, dirs_exist_ok=True)
    [made] = (tmp_path / "models").glob(f"*-{backend}-[0-9]*")
    largest = max(made.iterdir(), key=lambda path: path.stat().st_size)
    content = largest.read_bytes()
    largest.write_bytes(content[: len(content) // 2])
    again = load(backend, "float32", tmp_path)
    assert again.backend == backend
    assert largest.stat().st_size == len(content)
    assert cosines(again.encode_images(PIXELS), plain.encode_images(PIXELS)).min() >= 0.99999


def test_what_lost_is_not_kept(load: Load, tmp_path: Path) -> None:
    """Of the exports that were tried only the one in use stays on the disk."""
    large = Steps(gains=partial(gains_from_bfloat16, large=0))
    encoder = load("auto", "auto", tmp_path, steps=large)
    kept = [path.name for path in (tmp_path / "models").iterdir() if path.is_dir()]
    assert len(kept) == (encoder.backend != "torch")
    assert all(encoder.backend in name for name in kept)


class _Stack(ctypes.Structure):
    """``stack_t`` of sigaltstack(2)."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def _stack_for_signals() -> tuple[int, int]:
    """Where this thread handles signals, and how large that is."""
    stack = _Stack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack)) == 0
    return stack.sp, stack.size


@pytest.mark.skipif(sys.platform != "linux", reason="stack_t as Linux lays it out")
def test_openvino_leaves_signals_alone(load: Load, exports: Path) -> None:
    """It gives the thread that loads it a stack which goes with it: SIGTERM would crash there."""
    pytest.importorskip("openvino", reason="needs the extra openvino")
    before = _stack_for_signals()
    assert openvino_towers.precisions()
    assert _stack_for_signals() == before
    encoder = load("openvino", "float32", exports)
    assert encoder.backend == "openvino"
    assert encoder.encode_texts(TEXTS).shape[0] == len(TEXTS)
    assert _stack_for_signals() == before


def test_int8_is_close_and_the_same_in_any_company(
    load: Load, plain: TransformersEncoder, exports: Path
) -> None:
    """Activations are rounded by rows: who shares a batch does not change a vector."""
    pytest.importorskip("openvino", reason="needs the extra openvino")
    if "int8" not in openvino_towers.precisions():
        pytest.skip("this CPU does not compute in int8")
    check = SearchCheck("pictures", agreed)
    encoder = load("openvino", "int8", exports, check=check)
    assert (encoder.backend, encoder.precision) == ("openvino", "int8")
    for ours, theirs in (
        (encoder.encode_texts(TEXTS), plain.encode_texts(TEXTS)),
        (encoder.encode_images(PIXELS), plain.encode_images(PIXELS)),
    ):
        assert 0.99 < cosines(ours, theirs).min() < 0.9999999
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    assert cosines(encoder.encode_texts(TEXTS), alone).min() >= 1 - 1e-4
    alone = np.concatenate([encoder.encode_images(PIXELS[n : n + 1]) for n in range(len(PIXELS))])
    assert cosines(encoder.encode_images(PIXELS), alone).min() >= 1 - 1e-4
    smaller = [
        sum(f.stat().st_size for f in p.iterdir()) for p in (exports / "models").glob("*-int8-*")
    ]
    assert len(smaller) == 1


@pytest.mark.filterwarnings("ignore")  # tracing warns, which ``core.encoder.build`` ignores as well
@pytest.mark.parametrize(
    ("widths", "group"),
    [((768, 3072), 384), ((512, 2048), 256), ((588, 1024, 4096), 256), ((72, 48), 384)],
)
def test_what_shares_a_scale_divides_the_rows(
    tmp_path: Path, widths: tuple[int, ...], group: int
) -> None:
    """Of most weights: OpenVINO computes the others in more than eight bits, and slowly."""
    pytest.importorskip("openvino", reason="needs the extra openvino")
    pairs = zip(widths, (*widths[1:], 8), strict=True)
    tower = torch.nn.Sequential(*(torch.nn.Linear(*pair) for pair in pairs)).eval()
    tower.requires_grad_(requires_grad=False)
    example = {"pixels": torch.zeros(2, widths[0])}
    openvino_towers.export([(tower, example, "pictures")], tmp_path, int8=True)
    kept = ET.parse(tmp_path / "pictures.xml").find(f"rt_info/{openvino_towers._GROUP}")
    assert kept is not None
    assert kept.get("value") == str(group)


@pytest.mark.filterwarnings("ignore")  # tracing warns, which ``core.encoder.build`` ignores as well
def test_what_asks_for_float32_is_not_rounded(tmp_path: Path) -> None:
    """Such a part keeps its weights, and what stands beside it does not."""
    pytest.importorskip("openvino", reason="needs the extra openvino")
    tower = torch.nn.Sequential(
        torch.nn.Linear(64, 64), torch.nn.Sequential(torch.nn.Linear(64, 64)), torch.nn.ReLU()
    ).eval()
    tower.requires_grad_(requires_grad=False)
    tower[1].in_float32 = True
    openvino_towers.export(
        [(tower, {"pixels": torch.zeros(2, 64)}, "pictures")], tmp_path, int8=True
    )
    stored = [
        layer.find("data")
        for layer in ET.parse(tmp_path / "pictures.xml").iterfind("layers/layer")
        if layer.get("type") == "Const"
    ]
    matrices = [
        data.get("element_type")
        for data in stored
        if data is not None and data.get("shape") == "64, 64"
    ]
    assert sorted(filter(None, matrices)) == ["f32", "i8"]


def test_int8_that_strays_has_an_index_of_its_own(
    load: Load, plain: TransformersEncoder, exports: Path
) -> None:
    """Its vectors are not mixed with those of float32, nor of another backend."""
    pytest.importorskip("openvino", reason="needs the extra openvino")

    def far(*ways: Any) -> BackendTrial:
        return replace(compare(*ways), cosine=CLOSE - 1e-6)

    check, steps = SearchCheck("others", agreed), Steps(compare=far)
    encoder = load("openvino", "int8", exports, check=check, steps=steps)
    assert encoder.precision == "int8"
    assert encoder.identity.fingerprint != plain.identity.fingerprint
    assert encoder.identity.dimension == plain.identity.dimension


def test_int8_that_finds_other_pictures_is_refused(load: Load, exports: Path) -> None:
    """It was asked for by name, and yet: the bot runs, in another precision, and says why."""
    check = SearchCheck("strangers", lambda _candidate, _reference: 0.5)
    encoder = load("openvino", "int8", exports, check=check)
    assert encoder.precision != "int8"
    assert any("50.0% of the ten best" in reason for reason in encoder.choice.refused)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_input_that_fails_is_an_error_of_the_encoder(
    load: Load, exports: Path, backend: str
) -> None:
    """Whatever a backend raises, the batcher gets an error that it knows, and goes on."""
    encoder = load(backend, "float32", exports)
    whole = encoder.encode_images(PIXELS[:3])
    towers, spec = encoder._towers, encoder.pixel_spec
    small = np.zeros((2, spec.height - 1, spec.width, 3), np.uint8)
    with pytest.raises(RuntimeError) as caught:
        towers.pictures(small)
    assert "\n" not in str(caught.value)
    encoder._embed_pixels = lambda _: towers.pictures(small)  # type: ignore[method-assign]  # a broken batch
    with pytest.raises(EncodingFailed, match="failed on this input"):
        encoder.encode_images(PIXELS[:3])
    del encoder._embed_pixels
    assert cosines(encoder.encode_images(PIXELS[:3]), whole).min() >= 1 - 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
def test_read_only_strided_and_empty_batches_are_taken(
    load: Load, plain: TransformersEncoder, exports: Path, backend: str
) -> None:
    """As torch takes them: decoded pictures are read-only, a batch may be a view."""
    encoder = load(backend, "float32", exports)
    frozen = PIXELS[::2]
    frozen.flags.writeable = False
    assert cosines(encoder.encode_images(frozen), plain.encode_images(frozen)).min() >= 0.99999
    assert encoder.encode_images(PIXELS[:0]).shape == (0, plain.identity.dimension)
    assert encoder.encode_texts([]).shape == (0, plain.identity.dimension)
