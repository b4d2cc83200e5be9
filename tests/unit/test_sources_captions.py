"""Captions from names and from texts beside the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.caption_texts import MAX_CAPTION, caption_from_name, decode, parse_text, read_text, tidy


@pytest.mark.parametrize(
    ("path", "caption"),
    [
        ("orange-slice_02.png", "orange slice"),
        ("a/b/red_bicycle@2x.png", "red bicycle"),
        ("OrangeSlice.png", "Orange Slice"),
        ("ORANGE_SLICE.png", "orange slice"),
        ("apple01.png", "apple"),
        ("my cat - copy (2).png", "my cat"),
        ("don't panic.jpg", "don't panic"),
        ("IMG_2041_sunset.jpg", "sunset"),
        ("night sky.jpg", "night sky"),
        ("photo-of-cat.png", "photo of cat"),
        ("mp3.png", "mp3"),
        ("b52.png", "b52"),
        ("facade.png", "facade"),
        ("café-au-lait.png", "café au lait"),
        ("夏祭り.png", "夏祭り"),
    ],
)
def test_a_telling_name_is_the_caption(path: str, caption: str) -> None:
    """Separators, counters, sizes and copies go; the words stay."""
    assert caption_from_name(path) == caption


@pytest.mark.parametrize(
    "path",
    [
        "IMG_2041.jpg",
        "img-2041.JPG",
        "DSC00012.JPG",
        "DSCN1234.jpg",
        "P1010023.JPG",
        "_MG_1234.jpg",
        "GOPR0001.jpg",
        "PXL_20230101_101010.NIGHT.jpg",
        "IMG-20230303-WA0007.jpg",
        "WhatsApp Image 2023-01-01 at 10.10.10.jpeg",
        "Screen Shot 2020-01-01 at 1.2.3 PM.png",
        "Screenshot_2024-01-01.png",
        "100_1234.jpg",
        "1920x1080.jpg",
        "1f34a.png",
        "3f2504e0-4f89-11d3-9a0c-0305e82bc334.png",
        "d41d8cd98f00b204e9800998ecf8427e.jpg",
        "Photo.png",
        "untitled (1).png",
        "20230101_101010.jpg",
    ],
)
def test_a_camera_names_nothing(path: str) -> None:
    """What a camera, a phone or a program called a picture is no caption."""
    assert caption_from_name(path) == ""


@given(st.text(max_size=60))
def test_any_name_gives_a_tidy_caption(name: str) -> None:
    """Whatever a file is called, its caption is one tidy line without path or suffix."""
    caption = caption_from_name(f"{name}.png")
    assert caption == tidy(caption)
    assert "/" not in caption
    assert "_" not in caption


@given(st.text(max_size=200))
def test_tidy_is_one_line_and_final(text: str) -> None:
    """A tidied text has no line break or control character, and tidying it changes nothing."""
    once = tidy(text)
    assert once == tidy(once) == once.strip()
    assert all(character.isprintable() or ord(character) > 127 for character in once)
    once.encode()


def test_a_caption_has_a_length() -> None:
    """A text without end is cut, not stored."""
    assert len(tidy("word " * 10_000)) <= MAX_CAPTION


def test_tux_paint_texts() -> None:
    """The first line is English, the others are translations by language."""
    text = parse_text(
        "An orange.\nde.utf8=Eine Orange.\npt_BR.utf8=Uma laranja.\nzh_TW.utf8=橘子\n\nend"
    )
    assert text.caption == "An orange."
    assert text.translations == {
        "de": "Eine Orange.",
        "pt_BR": "Uma laranja.",
        "zh_TW": "橘子",
    }


def test_a_translation_is_no_caption() -> None:
    """A text that has translations alone has no caption; blank lines are none either."""
    assert parse_text("\n \nde.utf8=Eine Orange.\n").caption == ""
    assert parse_text("\n\n  first \t words \nsecond").caption == "first words"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_every_usual_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    """Texts as Linux, Windows and old editors write them say the same."""
    file = tmp_path / "x.txt"
    file.write_bytes("Ein süßer Käse €".encode(encoding))
    assert read_text(file).caption == "Ein süßer Käse €"


@pytest.mark.parametrize("encoding", ["utf-16-le", "cp1250", "cp1252"])
def test_a_text_tells_its_encoding(encoding: str) -> None:
    """Captions beside pictures are as short as rows of a table, and as old."""
    assert decode("größer".encode(encoding)) == "größer"
    assert decode("猫が寝ている".encode("cp932")) == "猫が寝ている"
    assert decode("Красный зонтик".encode("cp1251")) == "Красный зонтик"
    assert decode("fine\nsüß\ngröß".encode() + b"\nb\xe4d\n").splitlines()[1] == "süß"


@given(st.binary(max_size=300))
def test_any_bytes_are_some_text(data: bytes) -> None:
    """No sequence of bytes makes reading a caption fail."""
    parse_text(decode(data)).caption.encode()


def test_a_huge_text_is_read_in_part(tmp_path: Path) -> None:
    """Only the beginning of a text counts, however large it is; no character is cut."""
    file = tmp_path / "x.txt"
    file.write_bytes(b"caption\n" + "ü\n".encode() * 100_000)
    assert read_text(file).caption == "caption"
    for start in ("", "x", "xx", "xxx"):
        file.write_bytes((start + "橘" * 100_000).encode())
        assert set(read_text(file).caption) == set(start) | {"橘"}
