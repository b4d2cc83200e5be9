"""Recall, similarity, zero-shot and precision, against hand-worked and brute-force answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.domain.errors import BadPicture, DamagedPicture, SourceError
from core.domain.types import Pixels, PixelSpec
from core.training.evaluation import COMPARISON_COLUMNS, comparison, encode_pairs, evaluate_vectors
from core.training.pairs import unique_captions
from recipes.zero_shot import precision_at, prompted, zero_shot_accuracy
from tests.fakes import COLOURS, FakeEncoder, unit

RED, GREEN, BLUE = np.eye(3, dtype=np.float32)


def painted(sources: list[str], spec: PixelSpec) -> list[Pixels | BadPicture]:
    """A plain picture for each colour's name; "broken" cannot be decoded."""
    return [
        DamagedPicture("Broken.")
        if source == "broken"
        else np.array(Image.new("RGB", (spec.width, spec.height), COLOURS[source]))
        for source in sources
    ]


def test_a_caption_is_found_when_any_of_its_pictures_is() -> None:
    """Of several pictures with one caption, the best one counts."""
    images = np.stack([BLUE, RED, GREEN])
    texts = np.stack([RED, GREEN])
    found = evaluate_vectors(images, texts, np.array([0, 0, 1]))
    assert found.text_to_image == {"recall@1": 1.0, "recall@5": 1.0, "recall@10": 1.0}
    assert found.image_to_text["recall@1"] == pytest.approx(2 / 3)
    assert found.pairs == 3


def test_similarities_are_means_over_matching_and_over_all_other_pairs() -> None:
    """Positives: a picture with its own caption; negatives: with every other caption."""
    images = unit(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    texts = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    found = evaluate_vectors(images, texts, np.array([0, 0, 1]))
    half = 2**-0.5
    assert found.positive_similarity == pytest.approx((1 + half + 1) / 3)
    assert found.negative_similarity == pytest.approx((0 + half + 0) / 3)
    assert found.gap == pytest.approx(2 / 3)


def test_equal_vectors_find_nothing() -> None:
    """A model that maps everything to one point has recall 0, not 1."""
    images = np.tile(RED, (20, 1))
    found = evaluate_vectors(images, images.copy(), np.arange(20))
    assert found.text_to_image["recall@10"] == 0.0
    assert found.image_to_text["recall@10"] == 0.0


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    pictures=st.integers(2, 40),
    captions=st.integers(2, 12),
)
def test_recall_equals_a_plain_ranking(seed: int, pictures: int, captions: int) -> None:
    """Recall@k is what sorting every row and looking at its first k entries gives."""
    rng = np.random.default_rng(seed)
    captions = min(captions, pictures)
    images = unit(rng.standard_normal((pictures, 6)))
    texts = unit(rng.standard_normal((captions, 6)))
    caption_of = np.concatenate(
        [np.arange(captions), rng.integers(0, captions, pictures - captions)]
    )
    found = evaluate_vectors(images, texts, caption_of)
    for k in (1, 5, 10):
        by_text = [
            any(caption_of[row] == text for row in np.argsort(-(images @ texts[text]))[:k])
            for text in range(captions)
        ]
        by_image = [
            caption_of[row] in np.argsort(-(texts @ images[row]))[:k] for row in range(pictures)
        ]
        assert found.text_to_image[f"recall@{k}"] == pytest.approx(np.mean(by_text))
        assert found.image_to_text[f"recall@{k}"] == pytest.approx(np.mean(by_image))


def test_blocks_make_no_difference() -> None:
    """A similarity matrix cut into blocks gives the numbers of the whole one."""
    rng = np.random.default_rng(1)
    images, texts = unit(rng.standard_normal((50, 8))), unit(rng.standard_normal((30, 8)))
    caption_of = rng.permutation(np.arange(50) % 30)
    whole = evaluate_vectors(images, texts, caption_of)
    assert evaluate_vectors(images, texts, caption_of, block=7) == whole


def test_evaluate_runs_the_encoder_on_every_decoded_pair() -> None:
    """Pictures that cannot be decoded are named and left out; the rest is measured."""
    encoder, seen, bad = FakeEncoder(), [], []
    names = [name for name in COLOURS for _ in range(4)]
    pairs = [(name, f"something {name}") for name in names] + [("broken", "something red")]
    found = encode_pairs(
        encoder,
        pairs,
        painted,
        on_progress=lambda done, total: seen.append((done, total)),
        on_bad_picture=lambda source, error: bad.append((source, error.code)),
    ).evaluation()
    assert found.pairs == len(names)
    assert found.text_to_image["recall@1"] == 1.0
    assert found.positive_similarity > 0.5 > found.negative_similarity
    assert bad == [("broken", "damaged_picture")]
    assert seen[-1] == (len(pairs), len(pairs))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("pairs", [[], [("red", "red"), ("red", " red ")]])
def test_one_caption_is_too_few(pairs: list[tuple[str, str]]) -> None:
    """Where nothing can be confused, nothing can be measured: an error with a remedy."""
    with pytest.raises(SourceError) as caught:
        encode_pairs(FakeEncoder(), pairs, painted)
    assert caught.value.remedy


def test_json_has_the_fixed_keys() -> None:
    """``tangerine evaluate --json`` prints these keys and plain numbers."""
    found = evaluate_vectors(np.stack([RED, GREEN]), np.stack([RED, GREEN]), np.arange(2))
    told = json.loads(json.dumps(found.to_json()))
    recalls = {"recall@1": 1.0, "recall@5": 1.0, "recall@10": 1.0}
    assert told == {
        "pairs": 2,
        "text_to_image": recalls,
        "image_to_text": recalls,
        "positive_similarity": 1.0,
        "negative_similarity": 0.0,
    }


def test_comparison_has_one_row_a_model() -> None:
    """Recalls are given in per cent, cosines with three digits, columns as in the head."""
    found = evaluate_vectors(np.stack([RED, GREEN]), np.stack([RED, RED]), np.arange(2))
    (row,) = comparison([("mini", found)])
    assert dict(zip(COMPARISON_COLUMNS, row, strict=True)) == {
        "model": "mini",
        "pairs": "2",
        "text>image R@1": "50.0",
        "text>image R@5": "100.0",
        "text>image R@10": "100.0",
        "image>text R@1": "0.0",
        "image>text R@5": "100.0",
        "image>text R@10": "100.0",
        "positive": "0.500",
        "negative": "0.500",
        "gap": "0.000",
    }


def test_prompts_are_averaged() -> None:
    """A label's vector is the mean over its prompts, of length 1."""
    encoder = FakeEncoder()
    vectors = prompted(encoder, ["red", "blue"], ["{}", "a {} thing"])
    expected = unit(encoder.encode_texts(["red", "a red thing"]).mean(axis=0))
    assert vectors[0] == pytest.approx(expected, abs=1e-6)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)


def test_zero_shot_accuracy_counts_the_nearest_label() -> None:
    """Three of four pictures lie nearest to their own label."""
    images = np.stack([RED, GREEN, BLUE, RED])
    assert zero_shot_accuracy(images, np.array([0, 1, 2, 1]), np.eye(3, dtype=np.float32)) == 0.75


def test_precision_leaves_the_picture_itself_out() -> None:
    """A picture is not its own neighbour; labels of the others decide."""
    images = unit(np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]]))
    assert precision_at(images, np.array([0, 0, 1, 1]), 1) == 1.0
    assert precision_at(images, np.array([0, 1, 0, 1]), 1) == 0.0
    assert precision_at(images, np.array([0, 0, 1, 1]), 50) == pytest.approx(1 / 3)


def test_captions_are_numbered_in_order_of_appearance() -> None:
    """Equal captions share a number; white space around them does not count."""
    captions, numbers = unique_captions(["b", " a", "b ", "c"])
    assert captions == ["b", "a", "c"]
    assert numbers.tolist() == [0, 1, 0, 2]
