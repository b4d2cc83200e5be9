"""Captions from names and from texts beside the picture."""

# ruff: noqa: RUF001 - names in Cyrillic and Greek letters

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.indexing.caption_texts import (
    MAX_CAPTION,
    caption_from_name,
    decode,
    parse_text,
    read_text,
    repeated_captions,
    tidy,
)

PROGRAMS = (
    """
Captura de pantalla 2024-05-01 a las 10.10.10 | Captura de ecrã 2024-05-01, às 10.10.10
スクリーンショット 2024-05-01 午後1.02.03 | Bildschirmfoto 2024-05-01 um 10.10.10
Capture d’écran 2024-05-01 à 10.10.10 | Schermata 2024-05-01 alle 10.10.10
Schermafbeelding 2024-05-01 om 10.10.10 | Skärmavbild 2024-05-01 kl. 10.10.10
Skærmbillede 2024-05-01 kl. 10.10.10 | Skjermbilde 2024-05-01 kl. 10.10.10
Näyttökuva 2024-05-01 klo 10.10.10 | Zrzut ekranu 2024-05-01 o 10.10.10
Snímek obrazovky 2024-05-01 v 10.10.10 | Képernyőfotó 2024-05-01 - 10.10.10
Captură de ecran 2024-05-01 101010 | Ekran Resmi 2024-05-01 10.10.10
Снимок экрана 2024-05-01 в 10.10.10 | Знімок екрана 2024-05-01 о 10.10.10
Στιγμιότυπο οθόνης 2024-05-01, 10.10.10 π.μ. | 屏幕截图 2024-05-01 101010
截屏2024-05-01 下午1.02.03 | 螢幕截圖 2024-05-01 101010 | 스크린샷 2024-05-01 오후 1.02.03
لقطة الشاشة 2024-05-01 101010 | צילום מסך 2024-05-01 101010 | ภาพหน้าจอ 2024-05-01 101010
Ảnh màn hình 2024-05-01 lúc 10.10.10 | Cuplikan layar 2024-05-01 101010
Screenshot from 2024-05-01 10-10-10 | Screenshot_20240501-101010_Chrome | Screenshot (12)
Screenshot_20240501-101010_com.android.chrome | WhatsApp Bild 2024-05-01 um 10.10.10_1a2b3c4d
WhatsApp Image 2024-05-01 at 10.10.10 AM (1) | WhatsApp Immagine 2024-05-01 ore 10.10.10
signal-2023-05-01-10-10-10-123 | signal-2023-05-01-101010_002 | photo_2024-05-01_10-10-10
telegram-cloud-photo-size-2-5431234567890123456-y | SPOILER_unknown | SPOILER_image0 | image0
viber_изображение_2024-05-01_10-10-10-123 | KakaoTalk_20240501_101010123 | mmexport1714567890123
微信图片_20240501101010 | FB_IMG_1714567890123 | FullSizeRender | FullSizeRender(1)
IMG_1234-edited | IMG_1234-bearbeitet | PXL_20240501_101010123-modifié | Copy of IMG_1234
IMG_1234.HEIC | IMG_E1234 | PXL_20240501_101010123.LONG_EXPOSURE-02.ORIGINA
PXL_20240501_101010123.PORTRAIT-01.COVER | 00000IMG_00000_BURST20240501101010123_COVER
ComfyUI_00012_ | ComfyUI_temp_abcde_00012_ | ChatGPT Image May 1, 2024, 10_10_10 AM
dQw4w9WgXcQ | FxYz12aXgAAbCdE | k3j4h5k6j7 | xkqzjvbtwp | photo-1506744038136-46273834b3fb
john-doe-XyZ12abC3_d-unsplash | pexels-john-doe-123456 | Foto 12 | 写真 1 | 사진 1 | Unbenannt-1
Imagem do WhatsApp de 2024-05-01 à(s) 10.10.10 | Afbeelding van WhatsApp op 2024-05-01 om 10.10.10
Изображение WhatsApp 2024-05-01 в 10.10.10 | Imagen de WhatsApp 2024-05-01 a las 10.10.10
Photo on 5-1-24 at 10.10 AM | photo_5909211111_y | file_12 | WIN_20240501_10_10_10_Pro | Capture
CleanShot 2024-05-01 at 10.10.10@2x | MicrosoftTeams-image (3) | WeChat Image_20240501101010
Pasted image 20240501101010 | New Bitmap Image | Neue Bitmap | maxresdefault | OIP | giphy
VideoCapture_20240501-101010 | tumblr_pabc123def1qxyz_1280 | Resized_20240501_101010
00100lrPORTRAIT_00100_BURST20240501101010_COVER | לכידה
téléchargement (1) | Sans titre 2 | Sin título | Без названия (3) | 無題 | 未命名 | 제목 없음
""".replace("\n", " | ")
    .strip(" |")
    .split(" | ")
)


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


@pytest.mark.parametrize("stem", PROGRAMS)
def test_a_program_names_nothing(stem: str) -> None:
    """Screenshots, messengers, cameras and generators, in the languages that they speak."""
    assert caption_from_name(f"some/folder/{stem}.jpg") == ""


@pytest.mark.parametrize(
    ("stem", "caption"),
    [
        ("DALL·E 2024-05-01 10.10.10 - A cat in a hat", "A cat in a hat"),
        ("Screenshot of a cat", "Screenshot of a cat"),
        ("signal processing diagram", "signal processing diagram"),
        ("copy of a painting", "a painting"),
        ("line drawing of a cat", "line drawing of a cat"),
        ("scan of an old map", "scan of an old map"),
        ("captura del castillo", "captura del castillo"),
        ("Discord logo 2024", "Discord logo"),
        ("firefly", "firefly"),
        ("my-cat-edited", "my cat"),
        ("SPOILER_my cat", "my cat"),
        ("20240501 birthday cake", "birthday cake"),
        ("PXL_20240501_101010123 birthday cake", "birthday cake"),
        ("iphone14pro case", "iphone14pro case"),
        ("OrangeSlice2Go", "Orange Slice2Go"),
        ("frame", "frame"),
        ("wallpaper1920x1080", "wallpaper1920x1080"),
        ("strengths and rhythms", "strengths and rhythms"),
        ("cat.png", "cat"),
    ],
)
def test_a_person_says_something_beside_a_program(stem: str, caption: str) -> None:
    """What somebody wrote stays, whatever a program put before or behind it."""
    assert caption_from_name(f"{stem}.jpg") == caption


def test_a_name_without_ending_is_whole() -> None:
    """What stands behind a full stop and holds spaces is no ending."""
    assert caption_from_name("Dr. Smith at sea") == "Dr Smith at sea"
    assert caption_from_name("a/Mt. Fuji.jpg") == "Mt Fuji"


def _alike(names: list[str]) -> set[str]:
    repeated = repeated_captions(names)
    return {caption_from_name(name, repeated) for name in names}


def test_words_beside_times_or_identifiers_are_a_programs() -> None:
    """A program that nobody knows is told by several names of one folder."""
    for stem in ("Zorblax 2024-05-01 10.10.{:02}", "zorblax-{:010}", "Zorblax_202405{:02}_101010"):
        assert _alike([f"a/{stem.format(count)}.png" for count in range(1, 5)]) != {""}
        assert _alike([f"a/{stem.format(count)}.png" for count in range(1, 6)]) == {""}
    ids = [f"{count:010}" for count in range(9)]
    assert _alike([f"tigers/tiger_{each}.png" for each in ids]) == {"tiger"}, "its folder says so"
    classes = {"tiger", "lion", "lynx"}
    assert _alike([f"{name}_{each}.png" for name in classes for each in ids]) == classes
    assert _alike([f"2024-05-01 birthday cake {count}.png" for count in range(30)]) == {
        "birthday cake"
    }


def test_words_beside_counters_are_a_programs_where_nearly_all_have_them() -> None:
    """Classes of a data set have counters, too: there are several, or the folder says so."""
    counted = [f"Zorblax_{count:05}.png" for count in range(30)]
    assert _alike(counted) == {""}
    assert _alike([*counted[:27], "a cat.png", "dog.png", "fish.png"]) == {
        "",
        "a cat",
        "dog",
        "fish",
    }
    assert _alike([f"a/{name}" for name in counted[:19]]) == {"Zorblax"}
    assert _alike([f"{name}.{count:04}.png" for name in ("cat", "dog") for count in range(30)]) == {
        "cat",
        "dog",
    }
    assert _alike([f"cats/cat_{count:04}.png" for count in range(30)]) == {"cat"}
    assert _alike([f"kitten{count}.png" for count in range(40)]) == {"kitten"}
    assert _alike([f"Hawaii 2019 ({count}).png" for count in range(40)]) == {"Hawaii"}


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


def test_a_translation_is_found_by_its_language() -> None:
    """The language as such first, then what is for a country or in other letters."""
    told = parse_text("A cow\npt_BR.utf8=Vaca\nzh_CN.utf8=牛\nsr@latin.utf8=Krava\nde.utf8=\n")
    assert told.in_language("pt") == told.in_language("pt-BR") == "Vaca"
    assert told.in_language("zh") == "牛"
    assert told.in_language("sr") == "Krava"
    assert told.in_language("p") == told.in_language("de") == ""
    assert parse_text("x\npt_BR.utf8=b\npt.utf8=a").in_language("pt") == "a"
