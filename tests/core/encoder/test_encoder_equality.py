"""The encoder gives the vectors that transformers gives when it is called directly.

One suite for every kind of model on every backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from core.domain.plain_text import plain_text
from core.domain.types import Vectors
from core.encoder.load import TransformersEncoder, load_encoder
from core.encoder.mini.modeling import register
from core.images.resize import fit_pixels, to_rgb
from tests import checkpoints

pytestmark = pytest.mark.model

BUILDERS = {
    "clip": checkpoints.tiny_clip,
    "siglip": checkpoints.tiny_siglip,
    "siglip with masks": lambda folder: checkpoints.tiny_siglip(folder, masks=True),
    "dual": checkpoints.tiny_dual,
    "mini": checkpoints.tiny_mini,
    "chinese_clip": checkpoints.tiny_chinese_clip,
    "align": checkpoints.tiny_align,
}
TWINS = {"siglip with masks", "chinese_clip"}
"""Kinds whose towers another kind has as well."""

PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime"}
WORDS = """
photograph of seventeen orange fruits in Grandmother's blue bowl, café-style; 3 dogs running
over wet grass! naïve 日本 猫 Ωmega 🍊 e-mail don't U.S.A. x² of the and a red sky
""".split()  # noqa: SIM905  # thirty quoted words read worse
ODD_TEXTS = ["", " ", "\n", "a", "🍊", "!!!", "日本の猫", "A PHOTO OF A DOG", "x" * 500, "\ud83c"]
SIZES = [(1, 1), (1, 1000), (333, 17), (4000, 30), (32, 32), (31, 33), (640, 480)]
MODES = ["RGB", "L", "LA", "P", "RGBA", "CMYK", "1"]


def sentence(words: int) -> str:
    """A text of this many words, another one for each number."""
    rng = np.random.default_rng(words)
    return " ".join(rng.choice(WORDS, words))


def picture(number: int) -> Image.Image:
    """Pictures of all sizes and modes, each with colours and a slope of its own."""
    rng = np.random.default_rng(number)
    width, height = SIZES[number % len(SIZES)]
    ends = rng.integers(0, 256, (4, 3))
    across = np.linspace(0, 1, width)[None, :, None]
    down = np.linspace(0, 1, height)[:, None, None]
    top = ends[0] * (1 - across) + ends[1] * across
    bottom = ends[2] * (1 - across) + ends[3] * across
    pixels = top * (1 - down) + bottom * down
    mode = MODES[number // len(SIZES) % len(MODES)]
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


@dataclass(frozen=True)
class Direct:
    """transformers itself, used as its documentation says."""

    kind: str
    folder: Path
    told: dict[str, Vectors] = field(default_factory=dict)

    def once(self, what: str, items: list[Any], run: Callable[[list[Any]], Vectors]) -> Vectors:
        """The vectors of these items, asked of transformers only once for all backends."""
        if what not in self.told:
            self.told[what] = run(items)
        return self.told[what]

    def _model(self) -> Any:
        register()  # transformers knows the embedded model's class from us alone
        return AutoModel.from_pretrained(self.folder, dtype=torch.float32).eval()

    def texts(self, texts: list[str]) -> Vectors:
        """One at a time, padded to the full length: the plain words that every tower is given."""
        tokenizer, model = AutoTokenizer.from_pretrained(self.folder), self._model()

        def knows(text: str) -> bool:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            return tokenizer.unk_token_id not in ids

        rows = {}
        for text in dict.fromkeys(texts):
            inputs = tokenizer(
                [plain_text(text, knows)],
                padding="max_length",
                truncation=True,
                max_length=tokenizer.model_max_length,
                return_tensors="pt",
            )
            with torch.no_grad():
                rows[text] = model.get_text_features(**inputs).pooler_output[0]
        return self._unit([rows[text] for text in texts])

    def images(self, images: list[Image.Image]) -> Vectors:
        """One at a time, through the checkpoint's own processor."""
        processor = AutoImageProcessor.from_pretrained(self.folder, backend="pil")
        model = self._model()
        rows = []
        for image in images:
            # EfficientNet's and ViT's processors convert nothing: they need RGB.
            inputs = processor(images=[to_rgb(image)], return_tensors="pt")
            with torch.no_grad():
                rows.append(model.get_image_features(**inputs).pooler_output[0])
        return self._unit(rows)

    @staticmethod
    def _unit(rows: list[torch.Tensor]) -> Vectors:
        vectors = torch.stack(rows).numpy()
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True)
class Pair:
    """Ours and theirs, over the same folder."""

    encoder: TransformersEncoder
    direct: Direct

    @property
    def kind(self) -> str:
        """The kind of checkpoint."""
        return self.direct.kind


@pytest.fixture(scope="module")
def directs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Direct]:
    """Each kind of checkpoint, made once for all backends."""
    made: dict[str, Direct] = {}

    def direct(kind: str) -> Direct:
        if kind not in made:
            made[kind] = Direct(kind, BUILDERS[kind](tmp_path_factory.mktemp("made") / "model"))
        return made[kind]

    return direct


def cases() -> list[Any]:
    """Every kind on every backend; towers that others have as well only in the long run."""
    return [
        pytest.param(
            (kind, backend),
            id=f"{kind} on {backend}",
            marks=[pytest.mark.long] if backend != "torch" and kind in TWINS else [],
        )
        for kind in BUILDERS
        for backend in ("torch", *PACKAGES)
    ]


@pytest.fixture(scope="module", params=cases())
def pair(request: pytest.FixtureRequest, directs: Callable[[str], Direct]) -> Pair:
    """A kind on a backend, in float32."""
    kind, backend = request.param
    if backend in PACKAGES:
        pytest.importorskip(PACKAGES[backend], reason=f"needs the extra {backend}")
    direct = directs(kind)
    encoder = load_encoder(
        str(direct.folder), device="cpu", backend=backend, precision="float32", threads=1
    )
    assert encoder.choice.refused == ()
    assert encoder.backend == backend
    return Pair(encoder, direct)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, marks=[pytest.mark.long] if kind in TWINS else []) for kind in BUILDERS
    ],
)
def torch_pair(request: pytest.FixtureRequest, directs: Callable[[str], Direct]) -> Pair:
    """Each kind on torch alone."""
    direct = directs(request.param)
    return Pair(load_encoder(str(direct.folder), device="cpu", threads=1), direct)


def cosines(ours: Vectors, theirs: Vectors) -> Vectors:
    """Row by row; both are of length 1."""
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    return (ours * theirs).sum(axis=1)


def mixed(vectors: Vectors) -> float:
    """The median cosine between different inputs: low, or equality would prove nothing."""
    return float(np.median((vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)]))


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.long)])
def test_texts_of_1_to_200_words_equal_transformers(pair: Pair, step: int) -> None:
    """Batched, sorted and shortly padded texts have the vectors of single, fully padded ones."""
    texts = [sentence(words) for words in (*range(1, 60, step), *range(60, 201, 20 * step))]
    texts = [text for pair in zip(texts, reversed(texts), strict=True) for text in pair]
    theirs = pair.direct.once(f"every {step}th text", texts, pair.direct.texts)
    assert mixed(theirs) < 0.95
    assert cosines(pair.encoder.encode_texts(texts), theirs).min() >= 0.99999


def test_odd_texts_equal_transformers(pair: Pair) -> None:
    """Empty texts, foreign scripts, endless words and cut emoji are texts like others."""
    theirs = pair.direct.once("odd texts", ODD_TEXTS, pair.direct.texts)
    assert cosines(pair.encoder.encode_texts(ODD_TEXTS), theirs).min() >= 0.99999


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_pictures_of_odd_sizes_and_modes_equal_transformers(pair: Pair, every: int) -> None:
    """From file to vector, the two ways agree for any shape and mode of picture."""
    # Each size with each mode is one of 49; every fourth of them has each size and each mode.
    images = [picture(number) for number in range(0, len(SIZES) * len(MODES), every)]
    pixels = np.stack([fit_pixels(image, pair.encoder.pixel_spec) for image in images])
    theirs = pair.direct.once(f"every {every}th picture", images, pair.direct.images)
    assert mixed(theirs) < 0.95
    assert cosines(pair.encoder.encode_images(pixels), theirs).min() >= 0.99999


def test_texts_are_padded_only_as_far_as_the_model_needs(pair: Pair) -> None:
    """Shortened where padding changes nothing, full where the tower pools at the last token."""
    assert pair.encoder.pads_to_longest is not pair.kind.startswith("siglip")


def test_a_text_tower_that_does_not_mask_padding_gets_the_full_length(tmp_path: Path) -> None:
    """The rule is the model's behaviour, not its kind: BERT without masks is padded fully."""
    folder = checkpoints.tiny_dual(tmp_path / "model")
    config = folder / "tokenizer_config.json"
    text = config.read_text().replace("{", '{"model_input_names": ["input_ids"],', 1)
    config.write_text(text)
    encoder = load_encoder(str(folder), device="cpu")
    assert not encoder.pads_to_longest
    texts = [sentence(words) for words in (1, 5, 30)]
    assert cosines(encoder.encode_texts(texts), Direct("", folder).texts(texts)).min() >= 0.99999


def test_batches_equal_single_items(pair: Pair) -> None:
    """Who shares a batch does not matter, within 1e-4 cosine."""
    texts = [sentence(words) for words in range(1, 40, 3)]
    together = pair.encoder.encode_texts(texts)
    alone = np.concatenate([pair.encoder.encode_texts([text]) for text in texts])
    assert cosines(together, alone).min() >= 1 - 1e-4
    edge = checkpoints.EDGE
    pixels = np.random.default_rng(5).integers(0, 256, (11, edge, edge, 3), dtype=np.uint8)
    together = pair.encoder.encode_images(pixels)
    alone = np.concatenate([pair.encoder.encode_images(pixels[n : n + 1]) for n in range(11)])
    assert cosines(together, alone).min() >= 1 - 1e-4


def test_legacy_end_token_is_found(tmp_path: Path) -> None:
    """OpenAI's own configuration names 2 as end token; pooling goes by the largest id then."""
    folder = checkpoints.tiny_clip(tmp_path / "model")
    config = folder / "config.json"
    text = config.read_text()
    assert '"eos_token_id": 49407' in text
    config.write_text(text.replace('"eos_token_id": 49407', '"eos_token_id": 2'))
    encoder = load_encoder(str(folder), device="cpu")
    texts = [sentence(words) for words in (1, 3, 9, 90)]
    assert encoder.pads_to_longest
    assert cosines(encoder.encode_texts(texts), Direct("", folder).texts(texts)).min() >= 0.99999


def test_the_padding_of_mini_is_read_from_its_processor(tmp_path: Path) -> None:
    """A stock processor loads the file; ours pads where the key says so, and only there."""
    padded = checkpoints.tiny_dual(tmp_path / "padded", fit="pad")
    encoder = load_encoder(str(padded), device="cpu")
    assert encoder.pixel_spec.fit == "pad"
    square = picture(4)
    assert square.width == square.height
    pixels = fit_pixels(square, encoder.pixel_spec)[None]
    theirs = Direct("", padded).images([square])
    assert cosines(encoder.encode_images(pixels), theirs).min() >= 0.99999


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_stays_close(torch_pair: Pair, precision: str) -> None:
    """Half the memory costs less than 0.002 of cosine, and vectors are float32 all the same."""
    half = load_encoder(str(torch_pair.direct.folder), device="cpu", precision=precision)
    assert half.precision == precision
    assert half.pads_to_longest is torch_pair.encoder.pads_to_longest
    texts = [sentence(words) for words in range(1, 20, 3)]
    assert cosines(half.encode_texts(texts), torch_pair.encoder.encode_texts(texts)).min() >= 0.998
    spec = half.pixel_spec
    pixels = np.stack([fit_pixels(picture(number), spec) for number in range(14)])
    # What a tower of random weights rounds is magnified by the tiny model's random classifier.
    least = 0.95 if (torch_pair.kind, precision) == ("mini", "bfloat16") else 0.998
    assert (
        cosines(half.encode_images(pixels), torch_pair.encoder.encode_images(pixels)).min() >= least
    )


def test_the_temperature_is_the_models_own(pair: Pair) -> None:
    """exp(logit_scale) of CLIP and SigLIP, 1 / temperature of ALIGN; the bias of SigLIP."""
    scale = 20.0 if pair.kind == "align" else math.exp(2.5)
    assert pair.encoder.logit_scale == pytest.approx(scale, rel=1e-6)
    assert pair.encoder.logit_bias == (-9.0 if pair.kind.startswith("siglip") else 0.0)


def test_identity_and_place_are_told(pair: Pair) -> None:
    """Name, dimension and device are what the user gave and the model has."""
    dimension = {"align": 80, "siglip": 48, "siglip with masks": 48}.get(pair.kind, 40)
    assert pair.encoder.identity.name == str(pair.direct.folder)
    assert pair.encoder.identity.dimension == dimension
    assert pair.encoder.device == "cpu"
    assert pair.encoder.precision == "float32"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize(("precision", "floor"), [("float32", 0.9999), ("auto", 0.998)])
def test_a_gpu_agrees_with_the_cpu(torch_pair: Pair, precision: str, floor: float) -> None:
    """Pinned, half-precision batches on CUDA give the CPU's vectors."""
    gpu = load_encoder(str(torch_pair.direct.folder), device="cuda", precision=precision)
    assert gpu.device == "cuda:0"
    texts = [sentence(words) for words in range(1, 90)]
    assert cosines(gpu.encode_texts(texts), torch_pair.encoder.encode_texts(texts)).min() >= floor
    pixels = np.stack([fit_pixels(picture(number), gpu.pixel_spec) for number in range(49)])
    assert (
        cosines(gpu.encode_images(pixels), torch_pair.encoder.encode_images(pixels)).min() >= floor
    )


def test_both_towers_may_work_at_the_same_time(pair: Pair) -> None:
    """Texts beside pictures (``core.encoder.embedder``) get the vectors that they get alone."""
    encoder = pair.encoder
    pixels = np.stack([fit_pixels(picture(number), encoder.pixel_spec) for number in range(14)])
    texts = [sentence(words) for words in range(1, 33)]
    alone = encoder.encode_texts(texts), encoder.encode_images(pixels)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            jobs = (
                pool.submit(encoder.encode_texts, texts),
                pool.submit(encoder.encode_images, pixels),
            )
            for job, vectors in zip(jobs, alone, strict=True):
                np.testing.assert_allclose(job.result(), vectors, atol=1e-5)
