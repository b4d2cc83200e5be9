"""The recipe of the embedded model's heads: what it reads, what it keeps from training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import load_file

from core.heads import Head, Heads
from core.mini.split import is_held_out
from core.mini.towers import TEXT_SCALE
from recipes.mini import sources
from recipes.mini.data import Collection, Item
from recipes.mini.features import view
from recipes.mini.imagenet import SYNSETS, WORDNET, class_texts
from recipes.mini.train import mean_heads, ridge_heads, save_heads, training_set

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


def test_saved_heads_give_the_trained_vectors(tmp_path: Path) -> None:
    """Scales are folded into the file: the assembled towers' features give the same cosines."""
    generator = torch.Generator().manual_seed(0)
    heads = Heads(
        Head(torch.randn(384, 1280, generator=generator)),
        Head(torch.eye(384) + 0.01 * torch.randn(384, 384, generator=generator)),
        20.0,
    )
    save_heads(heads, tmp_path / "heads.safetensors")
    stored = load_file(tmp_path / "heads.safetensors")
    images = torch.rand(5, 1280, generator=generator)
    texts = torch.nn.functional.normalize(torch.randn(5, 384, generator=generator), dim=1)
    from_file = Heads(
        Head(stored["visual_projection"].float()), Head(stored["text_projection"].float()), 1.0
    )
    expected, found = heads.image_vectors(images), from_file.image_vectors(images)
    assert float((expected * found).sum(dim=1).min()) > 0.9999
    tower = texts * 384**0.5 / TEXT_SCALE
    expected, found = heads.text_vectors(texts), from_file.text_vectors(tower)
    assert float((expected * found).sum(dim=1).min()) > 0.9999
    outputs = tower @ stored["text_projection"].float().T
    assert float(outputs.norm(dim=1).mean()) == pytest.approx(1.0, rel=0.1)
    assert float(stored["logit_scale"].exp()) == pytest.approx(20.0)


def test_ridge_learns_the_items_and_the_classes() -> None:
    """After the first step each picture is nearest to its own caption."""
    items = [item("stamps", caption, n) for n, caption in enumerate(CAPTIONS)]
    whole = collection(items)
    texts = [*CAPTIONS, *(name for (name,) in whole.classes)]
    features = torch.nn.functional.normalize(
        torch.randn(len(texts), 384, generator=torch.Generator().manual_seed(5)), dim=1
    )
    data = training_set(whole, items, texts, features)
    assert len(data.views) == len(items) + 1000
    heads = ridge_heads(data)
    images = heads.image_vectors(torch.stack([each.views[0] for each in items]))
    nearest = (images @ features.T).argmax(dim=1)
    assert (nearest == torch.arange(len(items))).float().mean() > 0.9


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
