"""The text half of ``mini`` without transformers: the same numbers, bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.encoder.load import load_encoder
from core.encoder.mini.assemble import mini_folder
from core.encoder.mini.questions import MiniQuestions

pytestmark = pytest.mark.model

_CACHE = Path(__file__).parents[3] / ".cache" / "models"

_TEXTS = (
    "a red apple",
    "dog",
    "An old map of the harbour, drawn by hand, with ships, towers and a compass in a corner",
    "日本 ünïcode \ud83d",
    "tiger🐯",
    "🐯",
    "word " * 400,
    "",
)


def test_a_question_has_the_vector_of_the_whole_encoder() -> None:
    """Short, long, cut off, in any script, and of no words at all."""
    folder = mini_folder(_CACHE)
    whole = load_encoder(str(folder), precision="float32", device="cpu")
    questions = MiniQuestions(folder)
    for text in _TEXTS:
        assert np.array_equal(questions.encode_texts([text]), whole.encode_texts([text])), text
    together = questions.encode_texts(_TEXTS)
    assert np.allclose(together, whole.encode_texts(_TEXTS), atol=1e-5)


def test_another_checkpoint_is_refused(tmp_path: Path) -> None:
    """So that the whole encoder is asked, which says what is wrong."""
    with pytest.raises((OSError, ValueError, KeyError)):
        MiniQuestions(tmp_path)
