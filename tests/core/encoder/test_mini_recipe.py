"""The recipe of the embedded model's heads: what it reads, what it keeps from training."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import load_file
from torch.nn.functional import normalize
from transformers import BertConfig, EfficientNetConfig

from core.encoder.mini.modeling import MiniConfig, PictureHead, TextHead
from core.encoder.mini.split import is_held_out
from core.training.heads import Head, Heads, rms
from recipes.mini import sources
from recipes.mini.data import Collection, Item
from recipes.mini.features import view
from recipes.mini.finish import WHITENING, finished, look_axes, save
from recipes.mini.imagenet import SYNSETS, WORDNET, class_texts
from recipes.mini.languages import Parallel, as_typed
from recipes.mini.reading import Texts
from recipes.mini.ridge import ridge
from recipes.mini.terms import ClassTerms, seen
from recipes.mini.train import (
    ENGLISH,
    RIDGE,
    bank_captions,
    class_terms,
    mean_heads,
    ridge_heads,
    training_set,
)

pytestmark = pytest.mark.model

CAPTIONS = [f"A picture of thing {number}." for number in range(40)]


def item(source: str, caption: str, seed: int) -> Item:
    """An item with random features in two views."""
    views = torch.randn(2, 1280, generator=torch.Generator().manual_seed(seed))
    return Item(source, views, (caption,))


def collection(items: list[Item]) -> Collection:
    """Items with a classifier that is never sure."""
    generator = torch.Generator().manual_seed(1)
    classifier = 1e-3 * torch.randn(1000, 1280, generator=generator)
    classes = [(f"class {number}",) for number in range(1000)]
    return Collection(items, classes, classifier, torch.zeros(1000))


def test_no_held_out_caption_is_trained_with() -> None:
    """Every stamp is on exactly one side, by its caption; other pictures never are test."""
    stamps = [item("stamps", caption, n) for n, caption in enumerate(CAPTIONS)]
    others = [item("clip-art", caption, 100 + n) for n, caption in enumerate(CAPTIONS)]
    learn, test = collection(stamps + others).split()
    assert {each.captions[0] for each in test} == set(filter(is_held_out, CAPTIONS))
    assert test
    assert {each.source for each in test} == {"stamps"}
    assert not {each.captions[0] for each in learn if each.source == "stamps"} & {
        each.captions[0] for each in test
    }
    assert len(learn) + len(test) == 80


def test_copies_of_held_out_pictures_are_not_trained_with() -> None:
    """A picture of another source that looks like a held-out stamp is left out."""
    stamps = [item("stamps", caption, n) for n, caption in enumerate(CAPTIONS)]
    held = next(each for each in stamps if is_held_out(each.captions[0]))
    copy = Item("clip-art", held.views + 0.01, ("another name",))
    other = item("clip-art", "something else", 999)
    learn, _ = collection([*stamps, copy, other]).split()
    assert [each.captions[0] for each in learn if each.source == "clip-art"] == ["something else"]


def test_views_are_repeatable_and_the_first_is_plain() -> None:
    """View 0 is the picture padded on white; the others differ, the same way every time."""
    image = Image.new("RGBA", (60, 30), (200, 30, 30, 255))
    plain = np.array(view(image, "key", 0))
    assert plain.shape == (224, 224, 3)
    assert (plain[0] == 255).all()
    assert (plain[112, 112] == (200, 30, 30)).all()
    first, again, other = (np.array(view(image, "key", number)) for number in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, np.array(view(image, "another key", 1)))


def test_stamps_are_read_with_their_english_caption(tmp_path: Path) -> None:
    """The first line of the text beside a bitmap; stamps without one are left out."""
    folder = tmp_path / sources.STAMPS / "animals" / "big_cats"
    folder.mkdir(parents=True)
    for name in ("lion", "silent"):
        Image.new("RGB", (4, 4)).save(folder / f"{name}.png")
    (folder / "lion.txt").write_text("A lion. It roars.\nde.utf8=Ein Löwe.\n", encoding="utf-8")
    (found,) = sources.stamps(tmp_path)
    assert found.key == "animals/big_cats/lion"
    assert found.captions == ("A lion. It roars.", "lion", "lion, big cats")


def test_clip_art_is_named_by_title_unless_the_title_is_a_series(tmp_path: Path) -> None:
    """A title that many share describes none of them: the file name without its author does."""
    folder = tmp_path / sources.CLIP_ART / "food"
    folder.mkdir(parents=True)
    titles = {"apple_ann_01": "Red Apple", **{f"pear{'x' * n}_ann_0{n}": "Set" for n in range(6)}}
    for name, title in titles.items():
        info = PngImagePlugin.PngInfo()
        info.add_text("Title", title)
        info.add_text("Author", "Ann")
        Image.new("RGB", (4, 4)).save(folder / f"{name}.png", pnginfo=info)
    skipped = tmp_path / sources.CLIP_ART / "shapes"
    skipped.mkdir()
    Image.new("RGB", (4, 4)).save(skipped / "star.png")
    (folder / "broken.png").write_bytes(b"no picture")
    found = [each.captions[0] for each in sources.clip_art(tmp_path)]
    assert found == ["red apple", *(f"pear{'x' * n}" for n in range(6))]


def test_emoji_have_label_and_tags_and_no_flags(tmp_path: Path) -> None:
    """Files are matched by code points with or without the variation selector."""
    (tmp_path / "en").mkdir()
    entries = [
        {"label": "red apple", "hexcode": "1F34E", "tags": ["fruit", "red"], "group": 4},
        {"label": "heart", "hexcode": "2764-FE0F", "group": 0},
        {"label": "a flag", "hexcode": "1F1E6", "group": 9},
        {"label": "not drawn", "hexcode": "1F999", "group": 3},
    ]
    (tmp_path / "en" / "data.json").write_text(json.dumps(entries))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("1f34e", "2764", "1f1e6"):
        (pictures / f"{name}.png").touch()
    found = sources.emoji(pictures, tmp_path, ".png")
    assert [each.captions for each in found] == [
        ("red apple", "red apple, fruit, red", "fruit", "red"),
        ("heart",),
    ]


def test_classes_are_told_by_names_definition_and_kinds(tmp_path: Path) -> None:
    """The classifier's order, WordNet's words; hypernyms nobody would ask for are left out."""
    nouns = tmp_path / WORDNET
    nouns.parent.mkdir(parents=True)
    nouns.write_text(
        "  1 This is the licence.\n"
        "00000001 03 n 01 organism 0 000 | a living thing  \n"
        '00000002 05 n 01 dog 0 001 @ 00000001 n 0000 | an animal that barks; "the dog"  \n'
        "00000003 05 n 02 corgi 0 Welsh_corgi 0 001 @ 00000002 n 0000 | a dog with short legs  \n"
    )
    synsets = tmp_path / SYNSETS
    synsets.parent.mkdir(parents=True)
    synsets.write_text("n00000003\nn00000002\n")
    assert class_texts(tmp_path, tmp_path) == [
        ("corgi", "Welsh corgi", "corgi, a dog with short legs", "corgi, dog", "dog"),
        ("dog", "dog, an animal that barks"),
    ]


def random_classifier(classes: int, features: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight [classes, features] and a bias [classes] that are now and then sure."""
    generator = torch.Generator().manual_seed(1)
    weight = 0.1 * torch.randn(classes, features, generator=generator)
    return weight, torch.randn(classes, generator=generator)


def test_weights_over_the_trained_blocks_are_folded_into_one_head() -> None:
    """What is trained on f, p E and √p, a head over [f ; p ; √p] says too."""
    generator = torch.Generator().manual_seed(0)
    classifier, bias = random_classifier(1000, 1280)
    meanings = normalize(torch.randn(1000, 384, generator=generator), dim=1)
    features = torch.rand(50, 1280, generator=generator)
    terms = ClassTerms(classifier, bias, meanings, features)
    blocks = terms(features)
    weight = torch.randn(384, blocks.shape[1], generator=generator)
    folded = terms.folded(weight)
    assert folded.shape == (384, 3280)
    assert torch.allclose(
        seen(features, classifier, bias) @ folded.T, blocks @ weight.T, rtol=1e-3, atol=1e-2
    )
    # Both blocks of classes are as large as features are once these are scaled; √p at 0.7.
    meant, roots = blocks[:, 1280:].split([384, 1000], dim=1)
    assert float(meant.square().mean().sqrt()) == pytest.approx(1.0, rel=1e-4)
    assert float(roots.square().mean().sqrt()) == pytest.approx(0.7, rel=1e-4)
    scale = terms.scale(blocks)
    assert float((features / scale[:1280]).square().mean()) == pytest.approx(1.0, rel=1e-4)
    assert torch.equal(scale[1280:], torch.ones(1384))


def test_what_pictures_look_like_has_axes_of_falling_weight() -> None:
    """Along axis k the logarithms vary with their variance to the power of 1 - 2 x 0.375."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(300, 12, generator=generator) * torch.logspace(-2, 0, 12)
    mean, axes = look_axes(features, 5)
    logarithms = normalize((1 + 20 * features).log(), dim=1)
    assert torch.allclose(mean, logarithms.mean(dim=0), atol=1e-6)
    largest = torch.linalg.svdvals(logarithms - mean)[:5].square() / len(features)
    found = (logarithms - mean) @ axes.T
    expected = torch.diag(largest ** (1 - 2 * WHITENING))
    assert torch.allclose(found.T @ found / len(found), expected, atol=1e-4)


def test_saved_heads_give_what_was_trained(tmp_path: Path) -> None:
    """A text and a picture: the trained cosine, less what any caption finds in the picture."""
    generator = torch.Generator().manual_seed(0)
    classifier, bias = random_classifier(50, 256)
    heads = Heads(
        Head(torch.randn(384, 256 + 2 * 50, generator=generator) / 10),
        Head(torch.eye(384) + 0.01 * torch.randn(384, 384, generator=generator)),
        20.0,
    )
    pictures = torch.rand(300, 256, generator=generator) ** 8
    given = seen(pictures, classifier, bias)
    images = heads.image_vectors(given)
    # Captions of the bank are near some of the pictures: h has to differ between them.
    noise = normalize(torch.randn(35, 384, generator=generator), dim=1)
    bank = normalize(images[:30] + 2.5 * noise[:30], dim=1)
    texts = normalize(images[100:105] + noise[30:], dim=1)
    save(finished(heads, pictures, given, bank), tmp_path / "heads.safetensors")
    stored = {
        name: rows.float() for name, rows in load_file(tmp_path / "heads.safetensors").items()
    }
    assert float(stored["logit_scale"].exp()) == pytest.approx(20.0, rel=1e-3)
    assert stored["bank_features"].shape == (30, 384)

    config = MiniConfig.from_vision_text_configs(
        EfficientNetConfig(hidden_size=256),
        BertConfig(hidden_size=384),
        projection_dim=576,
        bank_size=30,
        classes=50,
        hub_mean=float(stored["hub_mean"]),
    )
    picture_head, text_head = PictureHead(config), TextHead(config)
    text_head.head.weight.data.copy_(stored["text_head"])
    for place, values in (
        (picture_head.classifier.weight, classifier),
        (picture_head.classifier.bias, bias),
        (picture_head.head.weight, stored["picture_head"]),
        (picture_head.axes.weight, stored["axes"]),
        (picture_head.mean, stored["mean"]),
        (picture_head.bank, heads.text_vectors(stored["bank_features"])),
    ):
        place.data.copy_(values)
    with torch.inference_mode():
        found = text_head(texts) @ picture_head(pictures).T
    hub = 0.08 * (heads.text_vectors(bank) @ images.T / 0.08).exp().sum(dim=0).log()
    cosines = heads.text_vectors(texts) @ images.T
    meaning = math.sqrt(0.3) * math.sqrt(1 - 0.2**2)
    assert torch.allclose(found, meaning * (cosines - 0.7 * (hub - hub.mean())), atol=2e-3)
    assert float(hub.std()) > 0.01


def blank_texts(whole: Collection) -> Texts:
    """Random unit meanings of the texts, and twice the length as features."""
    texts = [*CAPTIONS, *(name for (name,) in whole.classes)]
    texts += [view for text in texts for view in as_typed(text)]
    generator = torch.Generator().manual_seed(5)
    meanings = normalize(torch.randn(len(texts), 384, generator=generator), dim=1)
    return Texts({text: number for number, text in enumerate(texts)}, 2 * meanings, meanings)


def test_ridge_learns_the_items_and_the_classes() -> None:
    """After the first step each picture is nearest to its own caption."""
    items = [item("stamps", caption, n) for n, caption in enumerate(CAPTIONS)]
    whole = collection(items)
    texts = blank_texts(whole)
    terms = class_terms(whole, items, texts.row, texts.meanings)
    data = training_set(whole, items, texts, Parallel(), terms)
    assert len(data.views) == len(items) + 1000
    heads = ridge_heads(data)
    images = heads.image_vectors(terms(torch.stack([each.views[0] for each in items])))
    nearest = (images @ texts.meanings.T).argmax(dim=1)
    assert (nearest == torch.arange(len(items))).float().mean() > 0.9


def test_a_row_of_several_items_counts_for_each_of_them() -> None:
    """Ridge over rows of summed weight is that over every item's every view."""
    items = [item("stamps", caption, n) for n, caption in enumerate(CAPTIONS)]
    whole = collection(items)
    texts = blank_texts(whole)
    terms = class_terms(whole, items, texts.row, texts.meanings)
    data = training_set(whole, items, texts, Parallel(), terms)
    generator = torch.Generator().manual_seed(6)
    count = len(data.views)
    shared = replace(
        data,
        images=torch.rand(30, 20, generator=generator),
        views=torch.randint(30, (count, 2), generator=generator),
        scale=None,
    )
    found = ridge_heads(shared).image
    english = shared.captions[:, :ENGLISH]
    targets = normalize(shared.meanings[english].mean(dim=1), dim=1)
    scale = rms(shared.images)
    plain = ridge(
        (shared.images / scale)[shared.views.flatten()],
        targets.repeat_interleave(2, dim=0),
        RIDGE,
        shared.weights.repeat_interleave(2) / 2,
    )
    assert found is not None
    assert torch.allclose(found.weight * scale, plain, atol=1e-5)


def test_the_bank_is_of_captions_of_stamps_that_are_trained_with() -> None:
    """Each stamp's most exact caption, once; no other source's."""
    stamps = [replace(item("stamps", "A cow.", n), captions=("A cow.", "cow")) for n in range(2)]
    drawn = item("drawn-stamps", "A sun.", 3)
    others = [item("clip-art", "red apple", 4), item("emoji-google", "apple", 5)]
    assert bank_captions([*stamps, drawn, *others]) == ["A cow.", "A sun."]


def test_heads_of_several_seeds_are_averaged() -> None:
    """The mean of the weights, and of the temperatures."""
    one, other = (
        Heads(Head(torch.full((2, 3), value)), Head(torch.full((2, 2), value)), 10.0 * value)
        for value in (1.0, 2.0)
    )
    mean = mean_heads([one, other])
    assert mean.image is not None
    assert torch.equal(mean.image.weight, torch.full((2, 3), 1.5))
    assert mean.logit_scale == 15.0


def test_texts_without_a_source_are_those_that_would_be_encoded_without_it() -> None:
    """Each says what its English one does, and what only the source says is left out."""
    told = Parallel(
        {"A lemon.": {"pt": ["Um limão."]}}, {"pear": {"de": ["Birne"]}}, held=lambda _: False
    )
    fewer = Parallel({"pear": {"de": ["Birne"]}}, held=lambda _: False)
    english = ["A lemon.", "pear", "A pear!"]
    names = list(dict.fromkeys([*english, "Um limão.", "um limão", "um limao", "Birne", "birne"]))
    numbers = {text: float(number) for number, text in enumerate([*names, "a pear", "a lemon"])}
    rows = {text: row for row, text in enumerate(numbers)}
    column = torch.tensor(list(numbers.values()))[:, None]
    whole = Texts(rows, column, column)
    left = whole.among(["pear", "A pear!"], fewer)
    assert list(left.row) == ["pear", "A pear!", "Birne", "birne", "a pear"]
    assert [float(left.features[left.row[text], 0]) for text in left.row] == [
        numbers[text] for text in left.row
    ]
    assert [float(left.meanings[row, 0]) for row in range(5)] == [
        numbers[text] for text in ("pear", "A pear!", "pear", "pear", "A pear!")
    ]
    assert "Um limão." in whole.among(english, told).row
