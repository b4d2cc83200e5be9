"""Texts become the tokens that the checkpoint's own tokenizer makes, padded as it pads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    RobertaConfig,
    RobertaModel,
    VisionTextDualEncoderModel,
    ViTConfig,
    ViTModel,
)

from core.domain.errors import ModelUnavailable
from core.encoder.model import features, text_limit
from core.encoder.tokenizer import TextTokens
from tests.vocabularies import bert_tokenizer, clip_tokenizer

pytestmark = pytest.mark.model

TEXTS = ["a red dog", "two small blue birds on an old tree", "", "cat"]
TINY = {
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
}


@pytest.fixture(params=["right", "left"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A BERT tokenizer that pads at either end."""
    bert_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "padding_side": request.param}))
    return tmp_path


@pytest.mark.parametrize("length", [14, 60])
def test_padding_equals_the_tokenizers_own(folder: Path, length: int) -> None:
    """Ids, masks and segments stand where the tokenizer puts them, at either side."""
    tokens = TextTokens.load(folder, None)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    theirs = tokenizer(TEXTS, padding="max_length", max_length=length, return_tensors="np")
    ours = tokens.pad(tokens.tokenize(TEXTS), length)
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array)


def test_the_shared_length_is_that_of_the_longest(folder: Path) -> None:
    """Rounded up where the device likes it, but never beyond what the tower takes."""
    tokens = TextTokens.load(folder, 20)
    rows = tokens.tokenize(TEXTS)
    assert tokens.shared_length(rows) == 11
    assert tokens.shared_length(rows, 8) == 16
    assert tokens.shared_length(tokens.tokenize(["dog " * 99]), 16) == 20
    assert tokens.shared_length([{"input_ids": []}]) == 1


def test_the_smaller_of_two_limits_counts(folder: Path) -> None:
    """A tokenizer that knows no limit is held to the tower's, and the other way round."""
    assert TextTokens.load(folder, None).max_length == 256
    assert TextTokens.load(folder, 64).max_length == 64
    assert TextTokens.load(folder, 1000).max_length == 256
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_max_length": int(1e30)}))
    assert TextTokens.load(folder, 64).max_length == 64
    with pytest.raises(ModelUnavailable, match="limits a text's length"):
        TextTokens.load(folder, None)


def test_positions_are_counted_as_the_tower_counts_them() -> None:
    """RoBERTa begins behind its padding index: of 66 places, 64 are for tokens."""
    vision = ViTModel(ViTConfig(**TINY, image_size=8, patch_size=8))
    bert = BertModel(BertConfig(**TINY, vocab_size=9, max_position_embeddings=66))
    roberta = RobertaModel(RobertaConfig(**TINY, vocab_size=9, max_position_embeddings=66))
    for text, limit in ((bert, 66), (roberta, 64)):
        model = VisionTextDualEncoderModel(vision_model=vision, text_model=text)
        assert text_limit(model) == limit


def test_features_may_be_an_output_or_a_tensor() -> None:
    """Both ways in which transformers has returned them are understood."""
    model = BertModel(BertConfig(**TINY, vocab_size=9)).eval()
    with torch.no_grad():
        output = model(torch.tensor([[1, 2]]))
    assert features(output) is output.pooler_output
    assert features(output.pooler_output) is output.pooler_output


def test_the_clip_vocabulary_is_the_real_one(tmp_path: Path) -> None:
    """A sentence has the ids that CLIP's users know."""
    clip_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    (row,) = TextTokens.load(tmp_path, None).tokenize(["a photo of a cat"])
    assert row["input_ids"] == [49406, 320, 1125, 539, 320, 2368, 49407]
