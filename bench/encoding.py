"""The encoder on every backend, against transformers and OpenVINO as their users call them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.comparison import Comparison, Timed, timed
from bench.machine import KEPT
from bench.models import random_clip
from core.domain.types import PixelBatch, PixelSpec
from core.encoder.backends import openvino as openvino_towers
from core.encoder.load import TransformersEncoder, load_encoder
from core.encoder.trials import SearchCheck, probe_pixels

TEXTS = [f"a photo of thing number {n}" for n in range(32)]
PICTURES = 8

Pair = tuple[Timed, Timed]
Work = Callable[[], object]

WAYS = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("openvino", "int8"),
    ("onnx", "float32"),
)
_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_UNCHECKED = SearchCheck("none", lambda _candidate, _reference: 1.0)
"""Random weights find nothing: whether int8 finds the same is not what is measured here."""


def on_openvino(*precisions: str) -> tuple[tuple[str, str], ...]:
    """OpenVINO in those of ``precisions`` that this CPU computes in, where it is installed."""
    able = openvino_towers.precisions() if openvino_towers.installed() else ()
    return tuple(("openvino", precision) for precision in precisions if precision in able)


def clip(edge: int = 224) -> Path:
    """A model in the shape of ViT-B/32, with room for its exports beside it.

    Made once and kept: writing it and exporting it take a minute. ``edge``: of its pictures.
    """
    home = KEPT / ("clip" if edge == 224 else f"clip-{edge}")  # noqa: PLR2004 - the usual one
    folder = home / "model"
    if not folder.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as scratch:
            made = random_clip(Path(scratch) / "model", edge=edge)
            made.rename(folder)
    return folder


def encoder_of(folder: Path, way: tuple[str, str], threads: int) -> TransformersEncoder:
    """Our encoder, exactly in this way."""
    encoder = load_encoder(
        str(folder),
        device="cpu",
        backend=way[0],
        precision=way[1],
        threads=threads,
        exports=folder.parent / "exports",
        check=_UNCHECKED,
    )
    if (encoder.backend, encoder.precision) != way:
        raise RuntimeError(f"{way} does not run here: {encoder.choice.refused}")
    return encoder


def ours(encoder: TransformersEncoder, kind: str) -> Work:
    """Texts or pixels to vectors, all that our encoder does."""
    if kind == "texts":
        return lambda: encoder.encode_texts(TEXTS)
    pixels = probe_pixels(encoder.pixel_spec, PICTURES)
    return lambda: encoder.encode_images(pixels)


def transformers(folder: Path, kind: str) -> Work:
    """What transformers does in float32, as its documentation calls it; pictures are ready made."""
    import torch  # noqa: PLC0415 - as its user would
    from transformers import AutoModel, AutoProcessor  # noqa: PLC0415

    model = AutoModel.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    values = torch.from_numpy(_values())

    def run() -> object:
        with torch.inference_mode():
            if kind == "pictures":
                return model.get_image_features(pixel_values=values)
            inputs = processor(
                text=TEXTS, padding="max_length", truncation=True, return_tensors="pt"
            )
            return model.get_text_features(**inputs)

    return run


def transformers_on(folder: Path, device: str, precision: str, pixels: PixelBatch) -> Work:
    """The same on a device and in a precision, from bytes on the host to vectors there."""
    import torch  # noqa: PLC0415 - as its user would
    from transformers import AutoModel  # noqa: PLC0415

    dtype = getattr(torch, precision)
    model = AutoModel.from_pretrained(folder, dtype=dtype).eval().to(device)
    values = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) / 127.5 - 1.0))

    def run() -> object:
        with torch.inference_mode():
            found = model.get_image_features(pixel_values=values.to(device, dtype))
            return found.pooler_output.float().cpu()

    return run


def openvino(folder: Path, kind: str, precision: str, threads: int) -> Work:
    """OpenVINO alone, on tensors that are ready and of a shape that it knows beforehand."""
    import openvino as ov  # noqa: PLC0415 - optional
    import torch  # noqa: PLC0415 - as its user would
    from openvino.frontend import FrontEndManager  # noqa: PLC0415
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415

    network = AutoModel.from_pretrained(folder).eval()

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            if kind == "pictures":
                found = self.network.get_image_features(pixel_values=tensors[0])
            else:
                found = self.network.get_text_features(
                    input_ids=tensors[0], attention_mask=tensors[1]
                )
            pooled: torch.Tensor = found.pooler_output
            return pooled

    inputs: Mapping[str, Any] = {"pixel_values": torch.from_numpy(_values())}
    if kind == "texts":
        # As short as ours: what padding costs is another line of the table.
        tokenizer = AutoTokenizer.from_pretrained(folder)
        inputs = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        decoder = TorchScriptPythonDecoder(Tower(), example_input=tuple(inputs.values()))
    frontend = FrontEndManager().load_by_framework("pytorch")
    model = frontend.convert(frontend.load(decoder))
    model.reshape(
        {port: list(t.shape) for port, t in zip(model.inputs, inputs.values(), strict=True)}
    )
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
    }
    compiled = ov.Core().compile_model(model, "CPU", options)
    arrays = [tensor.numpy() for tensor in inputs.values()]
    return lambda: compiled(arrays)


def _values() -> NDArray[np.float32]:
    pixels = probe_pixels(PixelSpec(224, 224, "crop", shortest_edge=224), PICTURES)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) / 127.5 - 1.0, np.float32)


def _against_transformers(
    kind: str, way: tuple[str, str]
) -> Callable[[], AbstractContextManager[Pair]]:
    @contextmanager
    def prepare() -> Iterator[Pair]:
        folder = clip()
        encoder = encoder_of(folder, way, _threads())
        yield timed(ours(encoder, kind)), timed(transformers(folder, kind))

    return prepare


def _against_openvino(kind: str, precision: str) -> Callable[[], AbstractContextManager[Pair]]:
    @contextmanager
    def prepare() -> Iterator[Pair]:
        folder = clip()
        encoder = encoder_of(folder, ("openvino", precision), _threads())
        alone = openvino(folder, kind, precision, _threads())
        yield timed(ours(encoder, kind)), timed(alone)

    return prepare


def _threads() -> int:
    """As many for every side as this run was told: torch reads it from the environment."""
    import torch  # noqa: PLC0415 - a slow import

    return torch.get_num_threads()


_WHAT = {
    "pictures": f"{PICTURES} pictures, CLIP ViT-B/32 vision tower",
    "texts": f"{len(TEXTS)} short texts, CLIP ViT-B/32 text tower",
}

COMPARISONS = (
    *(
        Comparison(
            what,
            f"our encoder, {' '.join(way)}",
            "transformers float32" + (", padded to 77" if kind == "texts" else ""),
            "a batch",
            _against_transformers(kind, way),
        )
        for kind, what in _WHAT.items()
        for way in WAYS
    ),
    *(
        Comparison(
            what,
            f"our encoder, openvino {precision}",
            f"OpenVINO {precision} alone",
            "a batch",
            _against_openvino(kind, precision),
        )
        for kind, what in _WHAT.items()
        for precision in _HINTS
    ),
)
