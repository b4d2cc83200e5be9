"""Captions in any script are drawn in letters, in order, and never as boxes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from bot.rendering.contact_sheet import BAND_COLOURS, INK, PAPER, TILE, Painter, Tile
from bot.rendering.fonts import font_files, letters_of
from bot.rendering.text import Lettering
from core.domain.types import Band

DEJAVU = font_files()[0]
GOTHIC = next(file for file in font_files() if file.name == "ipaexg.ttf")
LETTERING = Lettering((DEJAVU, GOTHIC))
SIZE = 40
WIDTH = 900

needs_raqm = pytest.mark.skipif(not features.check("raqm"), reason="no libfribidi here")


def drawn(text: str, lettering: Lettering = LETTERING) -> NDArray[np.bool_]:
    """The ink of a line, cut to the columns and rows that have any."""
    return cut(line_of(text, lettering))


def line_of(text: str, lettering: Lettering = LETTERING) -> Image.Image:
    """A white sheet with one line on it."""
    image = Image.new("RGB", (WIDTH, 3 * SIZE), "white")
    draw = ImageDraw.Draw(image)
    lettering.draw(draw, (0, SIZE), text, size=SIZE, width=WIDTH, colour=(0, 0, 0))
    return image.convert("L")


def alone(letter: str, file: Path) -> NDArray[np.bool_]:
    """One letter as the font itself draws it."""
    image = Image.new("L", (3 * SIZE, 3 * SIZE), 255)
    font = ImageFont.truetype(str(file), SIZE)
    ImageDraw.Draw(image).text((SIZE, SIZE), letter, font=font, fill=0)
    return cut(image)


def cut(image: Image.Image) -> NDArray[np.bool_]:
    """Where a drawing is dark, without its margins."""
    ink = np.asarray(image) < 128
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def holds(line: NDArray[np.bool_], glyph: NDArray[np.bool_]) -> bool:
    """Whether a glyph's ink stands somewhere in a line, pixel for pixel."""
    high, wide = glyph.shape
    if high > line.shape[0] or wide > line.shape[1]:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(line, glyph.shape)
    return bool((windows == glyph).all(axis=(2, 3)).any())


MISSING = [alone("\uffff", DEJAVU), alone("\uffff", GOTHIC)]
"""The box that each font draws for a letter that it has not."""


def test_a_missing_letter_would_be_seen() -> None:
    """The comparison with boxes tells: a line in the wrong font holds one."""
    assert holds(alone("橙", DEJAVU), MISSING[0])
    wrong = Lettering((GOTHIC,))
    wrong._known = lambda text: text  # type: ignore[method-assign]  # a defect on purpose
    assert holds(drawn("aשb", wrong), MISSING[1])


@pytest.mark.parametrize(
    "caption",
    [
        "オレンジ色の果物",
        "ねこ、「みかん」と犬。",
        "橙色的水果",
        "برتقال طازج",
        "תפוז כתום",
        "Ελιά Жук çã",
        "תפוז abc 橙 (2)",
        "한국어 고양이 orange",
        "简体 ไทย हिन्दी 🍊 \ue000 \x07",
    ],
)
@pytest.mark.parametrize("shaping", [True, False])
def test_captions_are_drawn_without_boxes(caption: str, *, shaping: bool) -> None:
    """Letters are drawn by a font that has them; what no font has leaves no box."""
    line = drawn(caption, Lettering((DEJAVU, GOTHIC), shaping=shaping))
    assert line.any()
    assert not any(holds(line, box) for box in MISSING)


def test_letters_are_those_of_the_right_font() -> None:
    """Each letter is the one that its font draws, on the base line of the first font."""
    latin, gothic = (ImageFont.truetype(str(file), SIZE) for file in (DEJAVU, GOTHIC))
    image = Image.new("L", (WIDTH, 3 * SIZE), 255)
    draw = ImageDraw.Draw(image)
    draw.text((0, SIZE), "a", font=latin, fill=0)
    at = round(latin.getlength("a")), SIZE + latin.getmetrics()[0]
    draw.text(at, "橙", font=gothic, fill=0, anchor="ls")
    assert (np.asarray(line_of("a橙")) == np.asarray(image)).all()


def test_a_word_is_in_one_font_where_one_has_it_all(tmp_path: Path) -> None:
    """Among the fonts behind the first one the one that has the whole word is taken."""
    few = tmp_path / "few.ttf"
    subset(GOTHIC, few, "橙")
    lettering = Lettering((DEJAVU, few, GOTHIC))
    assert [(run.text, run.font) for run in lettering.runs("x 橙 橙色")] == [
        ("x ", 0),
        ("橙", 1),
        (" ", 0),
        ("橙色", 2),
    ]


def subset(source: Path, target: Path, letters: str) -> None:
    """A font with these letters alone."""
    from fontTools import subset as tool  # noqa: PLC0415 - slow, and for one test

    with tool.load_font(str(source), tool.Options()) as font:
        cutter = tool.Subsetter()
        cutter.populate(text=letters)
        cutter.subset(font)
        tool.save_font(font, str(target), tool.Options())


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("한국어 고양이 orange", "… orange"),
        ("fruit 🍊 here", "fruit here"),
        ("🍊🍊", ""),
        ("a\x00b\u200bc", "abc"),
        ("e\u0301", "é"),
        (" two\n lines\t", "two lines"),
    ],
)
def test_what_no_font_has_is_left_out(text: str, known: str) -> None:
    """An ellipsis stands for words; drawings and control characters go without a trace."""
    shown = "".join(run.text for run in LETTERING.runs(text))
    assert shown.replace("\u200b", "") == known


@needs_raqm
def test_text_from_right_to_left_is_in_its_order() -> None:
    """What is read first stands on the right, brackets open to the right side, digits stay."""
    line = drawn("תפוז (12) abc")
    first, last = alone("ת", DEJAVU), alone("c", DEJAVU)
    assert holds(line[:, -first.shape[1] - 2 :], first)
    width = line.shape[1]
    assert holds(line[:, : width // 2], last)
    assert [run.text for run in LETTERING.runs("תפוז (12) abc")] == ["abc (12) ", "תפוז"]


def test_mixed_scripts_keep_the_order_of_the_line() -> None:
    """Chinese beside English within Hebrew goes from left to right, as the bidi rules say."""
    shown = [run.text.strip() for run in LETTERING.runs("תפוז abc 橙 子")]
    assert [text for text in shown if text] == ["abc", "橙", "子", "תפוז"]


@needs_raqm
def test_arabic_letters_are_joined() -> None:
    """A word is narrower than its letters one by one, and drawn differently."""
    word = "برتقال"
    assert LETTERING.width(word, SIZE) < sum(LETTERING.width(letter, SIZE) for letter in word)
    apart = drawn(word, Lettering((DEJAVU, GOTHIC), shaping=False))
    assert drawn(word).shape != apart.shape


@pytest.mark.parametrize("text", ["תפוז", "שלום עולם"])
def test_without_shaping_hebrew_is_still_in_order(text: str) -> None:
    """Where Pillow has no libraqm, letters are put into visual order before drawing."""
    plain = drawn(text, Lettering((DEJAVU, GOTHIC), shaping=False))
    first = alone(text[0], DEJAVU)
    assert holds(plain[:, -first.shape[1] - 2 :], first)


def test_right_to_left_lines_end_at_the_right_edge() -> None:
    """Hebrew stands at the right of its place, English at the left."""

    def margins(text: str) -> tuple[int, int]:
        columns = np.flatnonzero((np.asarray(line_of(text)) < 128).any(axis=0))
        return int(columns[0]), WIDTH - int(columns[-1])

    left, right = margins("תפוז")
    assert right < 10 < left
    left, right = margins("orange")
    assert left < 10 < right


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=120) | st.text("abcאבג بتي橙ねこ()1 🍊\u0301\u200f\u202e", max_size=120),
    st.integers(30, 600),
    st.booleans(),
)
def test_text_is_cut_to_its_width(text: str, width: int, shaping: bool) -> None:
    """A line is never wider than its place; what fits stays whole."""
    lettering = Lettering((DEJAVU, GOTHIC), shaping=shaping)
    fitted = lettering.fit(text, 20, width)
    assert lettering.width(fitted, 20) <= width or fitted == "…"
    if lettering.width(text, 20) > width:
        assert fitted.endswith("…")
    image = Image.new("RGB", (width + 40, 60), "white")
    draw = ImageDraw.Draw(image)
    lettering.draw(draw, (20, 10), text, size=20, width=width, colour=INK)


def test_without_any_font_there_is_still_text() -> None:
    """Pillow's own font is the last resort."""
    line = drawn("orange", Lettering(()))
    assert line.any()


def test_an_installed_cjk_font_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noto Sans CJK in the user's own folder stands before the font that we bring."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".local/share/fonts/noto"
    folder.mkdir(parents=True)
    (folder / "NotoSansCJK-Regular.ttc").write_bytes(b"")
    (folder / "Garuda.ttf").write_bytes(b"")
    files = font_files()
    assert files[0] == DEJAVU
    names = [file.name for file in files]
    first, ours = names.index("NotoSansCJK-Regular.ttc"), files.index(GOTHIC)
    assert first < ours
    assert any(name in {"Garuda.ttf", "NotoSansThai-Regular.ttf"} for name in names[ours:])


def test_a_collection_of_fonts_is_read(tmp_path: Path) -> None:
    """Noto Sans CJK comes as a collection: its first font counts, for letters and drawing."""
    from fontTools.ttLib import TTCollection, TTFont  # noqa: PLC0415 - for one test

    few = tmp_path / "few.ttf"
    subset(GOTHIC, few, "橙色")
    collection = TTCollection()
    collection.fonts = [TTFont(few), TTFont(few)]
    file = tmp_path / "both.ttc"
    collection.save(str(file))
    assert {ord("橙"), ord("色")} <= letters_of(file)
    assert holds(drawn("a橙", Lettering((DEJAVU, file))), alone("橙", GOTHIC))


@needs_raqm
def test_what_a_sentence_keeps_whole_stays_in_its_order() -> None:
    """Names, numbers and commands in Arabic, as :mod:`bot.i18n.direction` marks them."""
    shown = [run.text for run in LETTERING.runs("خريطة «\u2068a (b)\u2069»: \u2066-3.5\u2069 صور")]
    assert "".join(shown) == "صور -3.5 :«a (b)» خريطة"
    nested = LETTERING.runs("\u2068\u2066/find\u2069، \u2066/map")
    assert {"/find", "/map"} <= {run.text for run in nested}


@needs_raqm
def test_a_sheet_for_arabic_is_mirrored() -> None:
    """The first hit and the ends of its lines stand on the right; its letters are joined."""
    painter = Painter(LETTERING)
    tiles = [Tile(n, "قطة", "0.31 · قوية", Band.STRONG, None) for n in (1, 2)]

    def ink_of(*, rtl: bool) -> NDArray[np.bool_]:
        with Image.open(io.BytesIO(painter.contact_sheet(None, "", tiles, rtl=rtl))) as sheet:
            return np.asarray(sheet.convert("L")) < 128

    ink = ink_of(rtl=True)
    font = ImageFont.truetype(str(DEJAVU), 20)
    image = Image.new("RGB", (100, 100), PAPER)
    ImageDraw.Draw(image).text((20, 50), "قطة", font=font, fill=INK, direction="rtl", anchor="ls")
    word = cut(image.convert("L"))
    lines = ink[24 + TILE + 2 : 24 + TILE + 60]
    assert holds(lines[:, -24 - word.shape[1] - 4 : -20], word), "joined, at the right edge"
    badges = ink[30:70]
    assert badges[:, -24 - 50 : -24].any(), "the number is in the corner on the right"
    mirrored = ink_of(rtl=False)[30:70]
    assert mirrored[:, 24:70].any()
    assert not mirrored[:, -24 - 50 : -24].any()


def test_sheets_letter_captions_and_scores() -> None:
    """A contact sheet in Japanese holds the letters of its captions and of its bands."""
    painter = Painter(LETTERING)
    tile = Tile(1, "みかん", "0.31 · 強い", Band.STRONG, None)
    with Image.open(io.BytesIO(painter.contact_sheet(None, "x", [tile]))) as sheet:
        ink = np.asarray(sheet.convert("L")) < 128
    for word, size, colour in (("みかん", 20, INK), ("強い", 18, BAND_COLOURS[Band.STRONG])):
        image = Image.new("RGB", (100, 100), PAPER)
        font = ImageFont.truetype(str(GOTHIC), size)
        ImageDraw.Draw(image).text((20, 50), word, font=font, fill=colour, anchor="ls")
        assert holds(ink, cut(image.convert("L")))
