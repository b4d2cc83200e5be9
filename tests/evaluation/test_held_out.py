"""The published figures of the embedded model, on stamps and clothes it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain.types import Vectors
from core.encoder.load import TransformersEncoder
from core.encoder.mini.split import is_held_out
from core.images.resize import fit_pixels
from core.training.evaluation import Evaluation, evaluate_vectors
from core.training.pairs import Labels, unique_captions
from index.demo.packages import fetch_debian
from recipes.mini.fashion import LABELS, clothes_pictures
from recipes.zero_shot import precision_at, prompted, zero_shot_accuracy
from tests.evaluation.conftest import Stamps

pytestmark = pytest.mark.model

ZERO_SHOT_PICTURES = 2000
PRECISION_PICTURES = 1000
# Enough to notice a model that broke; fewer pictures have fewer of their kind among them.
SAMPLED_PICTURES = 500
LEAST_PRECISION = {SAMPLED_PICTURES: 0.74, ZERO_SHOT_PICTURES: 0.76}


@pytest.fixture(scope="module")
def held_out(mini: TransformersEncoder, stamps: Stamps) -> Evaluation:
    """The stamps whose captions were kept from training, among each other."""
    rows = [row for row, caption in enumerate(stamps.captions) if is_held_out(caption)]
    captions, caption_of = unique_captions([stamps.captions[row] for row in rows])
    return evaluate_vectors(stamps.vectors[rows], mini.encode_texts(captions), caption_of)


@pytest.fixture(
    scope="module",
    params=[SAMPLED_PICTURES, pytest.param(ZERO_SHOT_PICTURES, marks=pytest.mark.long)],
)
def clothes(
    request: pytest.FixtureRequest, mini: TransformersEncoder, packages: Path
) -> tuple[Vectors, Labels]:
    """Vectors of Fashion-MNIST's first test pictures, and their labels."""
    root = fetch_debian("dataset-fashion-mnist", packages)
    pictures, labels = clothes_pictures(root, request.param)
    rows = [
        mini.encode_images(fit_pixels(Image.fromarray(picture), mini.pixel_spec)[None])[0]
        for picture in pictures
    ]
    return np.stack(rows), labels


def test_a_fifth_of_the_captions_is_held_out(stamps: Stamps) -> None:
    """The split holds 20 % of the unique captions, give or take one in a hundred."""
    unique = set(stamps.captions)
    share = sum(is_held_out(caption) for caption in unique) / len(unique)
    assert 0.19 <= share <= 0.21


def test_recall_on_held_out_stamps(held_out: Evaluation) -> None:
    """Sentences find pictures, and pictures sentences, that training has never seen."""
    print(held_out)
    assert held_out.pairs >= 140
    assert held_out.text_to_image["recall@5"] >= 0.65
    assert held_out.text_to_image["recall@10"] >= 0.82
    assert held_out.image_to_text["recall@10"] >= 0.82


def test_pairs_that_do_not_match_are_not_alike(held_out: Evaluation) -> None:
    """The mean cosine of negatives stays near zero, well below that of positives."""
    assert abs(held_out.negative_similarity) <= 0.10
    assert held_out.gap >= 0.15


@pytest.mark.timeout(240)
def test_clothes_are_told_apart_without_training_on_them(
    mini: TransformersEncoder, clothes: tuple[Vectors, Labels]
) -> None:
    """Fashion-MNIST by class names alone, ten classes: three and a half times chance."""
    vectors, labels = clothes
    accuracy = zero_shot_accuracy(vectors, labels, prompted(mini, LABELS))
    print(f"zero-shot {accuracy:.3f}")
    assert accuracy >= 0.35


@pytest.mark.timeout(240)
def test_clothes_of_one_kind_are_neighbours(clothes: tuple[Vectors, Labels]) -> None:
    """Of a picture's five nearest, three of four are of its class."""
    asked = len(clothes[1])
    vectors, labels = (part[:PRECISION_PICTURES] for part in clothes)
    precision = precision_at(vectors, labels, 5)
    print(f"precision@5 {precision:.3f}")
    assert precision >= LEAST_PRECISION[asked]
