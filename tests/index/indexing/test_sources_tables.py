"""Captions from CSV and metadata files: every row counts, none leads out of the folder."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.indexing.caption_texts import tidy
from index.indexing.scan import Scan, scan_folder
from tests.picture_files import encode, scene

_PNG = encode(scene((8, 8)), "PNG")


def _gallery(folder: Path, *pictures: str, **files: str | bytes) -> Scan:
    """Scan a folder of these (empty) pictures and caption files (``captions__csv=...``)."""
    for picture in pictures:
        (folder / picture).parent.mkdir(parents=True, exist_ok=True)
        (folder / picture).touch()
    for name, content in files.items():
        file = folder / name.replace("__", ".").replace("_in_", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return scan_folder(folder)


def _captions(scan: Scan) -> dict[str, tuple[str, ...]]:
    return {picture.path: picture.captions for picture in scan.pictures}


def test_rows_of_one_picture_are_its_captions(tmp_path: Path) -> None:
    """Several rows name one picture: all are captions, in order, each once."""
    scan = _gallery(
        tmp_path,
        "a.png",
        "sub/b.png",
        captions__csv="image,description\na.png,first\nsub/b.png,other\na.png,second\n"
        "a.png,first\n",
    )
    assert _captions(scan) == {"a.png": ("first", "second"), "sub/b.png": ("other",)}
    assert scan.failures == ()


@pytest.mark.parametrize(
    "content",
    [
        'image,description\na.png,"red, ""round""\nand ripe"\n',
        'image;description\na.png;"red, ""round""\r\nand ripe"\r\n',
        'Description\timage\n"red, ""round"" and ripe"\ta.png\n',
        '\ufeffimage,extra,description\r\n\r\n"a.png",1,"red, ""round""  and ripe"\r\n',
        'file_name,text\na.png,"red, ""round"" and ripe"',
    ],
)
def test_tables_as_people_save_them(tmp_path: Path, content: str) -> None:
    """Quotes, line breaks in a field, other delimiters, a mark at the start: all are read."""
    scan = _gallery(tmp_path, "a.png", captions__csv=content)
    assert _captions(scan) == {"a.png": ('red, "round" and ripe',)}
    assert scan.failures == ()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-32"]
)
def test_tables_in_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    """A table in Windows' Latin says the same as one in UTF-8."""
    content = "image,description\na.png,süße Äpfel\n".encode(encoding)
    scan = _gallery(tmp_path, "a.png", captions__csv=content)
    assert _captions(scan) == {"a.png": ("süße Äpfel",)}


@pytest.mark.parametrize(
    ("encoding", "caption"),
    [
        ("cp932", "夏祭りの夜に花火を見る人々"),
        ("cp932", "猫が寝ている"),
        ("gbk", "一只猫在睡觉"),
        ("gb18030", "夏天的夜晚看烟花的人们"),
        ("big5", "一隻貓在睡覺"),
        ("euc_kr", "고양이가 자고 있다"),
        ("euc_jp", "赤い傘を持った女性"),
        ("cp1251", "Кошка спит"),
        ("koi8_r", "Люди смотрят салют летней ночью"),
        ("koi8_r", "красный шар в парке летом"),
        ("cp1251", "КРАСНЫЙ ШАР В ПАРКЕ"),  # noqa: RUF001 - Russian
        ("cp1251", "чёрная кошка"),
        ("cp1251", "жёлтый цыплёнок"),
        ("cp1251", "їжак у лісі"),  # noqa: RUF001 - Ukrainian
        ("cp866", "чёрный кот на диване"),
        ("cp1250", "Příliš žluťoučký kůň"),
        ("cp1250", "Żółta łódka"),
        ("cp1252", "O cão não está só"),
        ("cp1253", "Η γάτα κοιμάται"),  # noqa: RUF001 - Greek
        ("cp1254", "Kırmızı bir gül"),  # noqa: RUF001 - Turkish
        ("cp1254", "çocuklar bahçede, ağaç ve güneş"),
        ("cp1255", "חתול ישן על הספה"),
        ("cp1250", "őszi erdő és fehér macska a tetőn"),
        ("cp1250", "žena na moru, čamac"),
        ("mac_roman", "Le château près de la forêt"),
        ("mac_roman", "Grüner Frosch auf der Straße"),
        ("mac_roman", "un niño, más allá de la montaña"),
        ("mac_roman", "the “Louvre’s” pyramid"),  # noqa: RUF001 - as it is printed
        ("cp1252", "the “Louvre’s” pyramid, café"),  # noqa: RUF001 - as it is printed
        ("cp1252", "þorp við fjörð á Íslandi"),
        ("cp1252", "Mädchen mit Hut, größer"),
        ("cp1256", "قطة نائمة على الأريكة"),
        ("utf-16-le", "猫が寝ている"),
        ("utf-16-be", "Кошка спит"),
    ],
)
def test_tables_from_before_unicode(tmp_path: Path, encoding: str, caption: str) -> None:
    """One row is enough to tell what Windows or an old Unix saved it in; UTF-16 needs no mark."""
    content = f"image,description\r\na.png,{caption}\r\nb.png,plain\r\n".encode(encoding)
    scan = _gallery(tmp_path, "a.png", "b.png", captions__csv=content)
    assert _captions(scan) == {"a.png": (caption,), "b.png": ("plain",)}
    assert scan.failures == ()


def test_a_damaged_row_spoils_no_other(tmp_path: Path) -> None:
    """Where the rest of a table is UTF-8, a row that is not is named, and the rest is read."""
    rows = ["image,description", "a.png,süße Äpfel", "b.png,größer", "c.png,\udce4rger", "d.png,Öl"]
    scan = _gallery(
        tmp_path,
        *("a.png", "b.png", "c.png", "d.png"),
        captions__csv="\n".join(rows).encode(errors="surrogateescape"),
    )
    captions = _captions(scan)
    assert (captions["a.png"], captions["b.png"], captions["d.png"]) == (
        ("süße Äpfel",),
        ("größer",),
        ("Öl",),
    )
    assert [failure.reason[:7] for failure in scan.failures] == ["Line 4:"]


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_excels_own_first_line(tmp_path: Path, separator: str) -> None:
    """``sep=;`` tells the delimiter, and is neither header nor row."""
    rows = [
        f"sep={separator}",
        f"image{separator}description",
        f"a.png{separator}a red, ripe apple",
    ]
    if separator == ",":
        rows[2] = 'a.png,"a red, ripe apple"'
    scan = _gallery(tmp_path, "a.png", captions__csv="\ufeff" + "\r\n".join(rows))
    assert _captions(scan) == {"a.png": ("a red, ripe apple",)}
    assert scan.failures == ()


def test_an_open_quotation_mark_swallows_no_row(tmp_path: Path) -> None:
    """The row is named with its number; those behind it, quoted ones too, are read."""
    rows = [
        *("image,description", 'a.png,"open', "b.png,two", 'c.png,"three, quoted"'),
        *('d.png,"of two\nlines"', 'e.png,a 5" nail', 'f.png,"open again', "g.png,last"),
    ]
    pictures = [f"{letter}.png" for letter in "abcdefg"]
    scan = _gallery(tmp_path, *pictures, captions__csv="\n".join(rows))
    captions = _captions(scan)
    assert captions["b.png"] == ("two",)
    assert captions["c.png"] == ("three, quoted",)
    assert captions["d.png"] == ("of two lines",)
    assert captions["e.png"] == ('a 5" nail',)
    assert captions["g.png"] == ("last",)
    assert [failure.reason.partition(":")[0] for failure in scan.failures] == ["Line 2", "Line 8"]
    assert "quotation mark is not closed" in scan.failures[0].reason


def test_an_open_quotation_mark_swallows_no_row_of_a_file_without_ending(tmp_path: Path) -> None:
    """A row is known by the picture that it names, whatever that is called."""
    for name in ("one", "two", "Dr. Smith at sea"):
        (tmp_path / name).write_bytes(_PNG)
    table = 'image,description\none,"open\ntwo,second\nDr. Smith at sea,third"\n'
    captions = _captions(_gallery(tmp_path, captions__csv=table))
    assert captions["two"] == ("second",)
    assert captions["Dr. Smith at sea"] == ('third"',)


def test_a_files_own_name_is_no_caption(tmp_path: Path) -> None:
    """Programs export it as one; a short one may be what somebody wrote."""
    table = "image,description\nIMG_0001.png,IMG_0001.png\nred_cat.png,Red_Cat.PNG\n7.png,7\n"
    pictures = ("IMG_0001.png", "red_cat.png", "7.png")
    captions = _captions(_gallery(tmp_path, *pictures, captions__csv=table))
    assert captions == {"IMG_0001.png": (), "red_cat.png": ("red cat",), "7.png": ("7",)}


def test_commas_that_nobody_quoted(tmp_path: Path) -> None:
    """The last column takes them; elsewhere the row is named, since they may part columns."""
    scan = _gallery(
        tmp_path,
        *("a.png", "b.png", "c.png"),
        captions__csv="image,description\na.png,red, round, and ripe\n"
        'b.png,"red, round",surplus\nc.png,plain,,\n',
        middle__csv="image,description,year\na.png,red, round,1999\nb.png,fine,2000\n",
    )
    captions = _captions(scan)
    assert captions["a.png"] == ("red, round, and ripe",)
    assert captions["b.png"] == ("red, round", "fine")
    assert captions["c.png"] == ("plain",)
    assert [(each.path, each.reason[:7]) for each in scan.failures] == [("middle.csv", "Line 2:")]


def test_any_csv_with_the_header_counts(tmp_path: Path) -> None:
    """Any CSV in the folder with the columns counts, others and those below do not."""
    table = "image,description\na.png,yes\n"
    scan = _gallery(
        tmp_path, "a.png", mine__csv=table, prices__csv="item,price\na.png,3\n", sub_in_x__csv=table
    )
    assert _captions(scan) == {"a.png": ("yes",)}
    assert scan.failures == ()


def test_metadata_as_datasets_have_it(tmp_path: Path) -> None:
    """``metadata.csv``, ``metadata.jsonl`` and ``captions.csv`` count in every folder.

    What they name lies below that folder.
    """
    lines = [
        {"file_name": "b.png", "text": "from lines", "label": 3},
        {"file_name": "c.png", "text": ["one", "two"]},
        {"file_name": "d.png"},
    ]
    scan = _gallery(
        tmp_path,
        "train/a.png",
        "test/b.png",
        "test/c.png",
        "test/d.png",
        "holiday/e.png",
        holiday_in_captions__csv="image,description\ne.png,from our own\n",
        train_in_metadata__csv="file_name,text\na.png,from csv\n",
        test_in_metadata__jsonl="\n".join(json.dumps(line) for line in lines),
    )
    assert _captions(scan) == {
        "train/a.png": ("from csv",),
        "test/b.png": ("from lines",),
        "test/c.png": ("one", "two"),
        "test/d.png": (),
        "holiday/e.png": ("from our own",),
    }
    assert scan.failures == ()


def test_sources_have_an_order(tmp_path: Path) -> None:
    """A table comes first, then metadata, then the text beside; the name only without any."""
    scan = _gallery(
        tmp_path,
        "red apple.png",
        "green pear.png",
        "plum.png",
        captions__csv="image,description\nred apple.png,table\n",
        metadata__csv="file_name,text\nred apple.png,metadata\ngreen pear.png,\n",
    )
    assert _captions(scan)["green pear.png"] == ("green pear",), "an empty field is no caption"
    (tmp_path / "red apple.txt").write_text("beside\nde.utf8=daneben")
    (tmp_path / "plum.png.txt").write_text("a plum")
    assert _captions(scan_folder(tmp_path)) == {
        "red apple.png": ("table", "metadata", "beside"),
        "green pear.png": ("green pear",),
        "plum.png": ("a plum",),
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.png", "no such picture"),
        ("../secret.png", "out of the folder"),
        ("sub/../../secret.png", "out of the folder"),
        ("..\\secret.png", "out of the folder"),
        ("/etc/passwd", "Absolute"),
        ("C:\\secret.png", "Absolute"),
        ("link/secret.png", "out of the folder"),
        ("", "names no picture"),
        (".hidden.png", "no such picture"),
        ("a\0.png", "not valid"),
    ],
)
def test_a_row_never_leaves_the_folder(tmp_path: Path, name: str, reason: str) -> None:
    """A row that names a missing file, or one elsewhere, is a failure with its line."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "secret.png").touch()
    (outside / "secret.png").touch()
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / ".hidden.png").touch()
    scan = _gallery(
        folder, "a.png", captions__csv=f"image,description\n{name},caption\na.png,fine\n"
    )
    assert _captions(scan) == {"a.png": ("fine",)}
    [failure] = [each for each in scan.failures if "captions.csv" in each.reason]
    assert "captions.csv, line 2" in failure.reason
    assert reason in failure.reason
    assert failure.code == "caption_without_picture"


def test_names_from_other_systems_are_understood(tmp_path: Path) -> None:
    """A backslash, another case and another Unicode form find the one picture they mean."""
    scan = _gallery(
        tmp_path,
        "Sub/Apple.PNG",
        "café.png",
        "twin.png",
        "Twin.png",
        captions__csv="image,description\nsub\\apple.png,a\ncafe\u0301.png,b\nTWIN.png,c\n"
        "./twin.png,d\n",
    )
    captions = _captions(scan)
    assert captions["Sub/Apple.PNG"] == ("a",)
    assert captions["café.png"] == ("b",)
    assert captions["twin.png"] == ("d",)
    assert [failure.path for failure in scan.failures] == ["TWIN.png"], "two answer to it"


def test_a_text_is_found_by_the_same_rule(tmp_path: Path) -> None:
    """Composed beside decomposed letters (macOS), another case (Windows); the exact name first."""
    scan = _gallery(
        tmp_path,
        *("cafe\u0301.png", "Garten.JPG", "Löwe.png", "twin.png", "Twin.png", "two.png"),
        *("aB.png", "Ab.png"),
        café__txt="a cup",
        garten__txt="a garden",
        LÖWE__PNG__TXT="a lion",
        twin__txt="small",
        TWO__txt="one text",
        Two__txt="another",
        AB__txt="of two pictures",
    )
    assert _captions(scan) == {
        "cafe\u0301.png": ("a cup",),
        "Garten.JPG": ("a garden",),
        "Löwe.png": ("a lion",),
        "twin.png": ("small",),
        "Twin.png": ("Twin",),
        "two.png": ("two",),
        "aB.png": ("a B",),
        "Ab.png": ("Ab",),
    }
    assert all("case alone" in failure.reason for failure in scan.failures)
    assert [failure.path for failure in scan.failures] == ["AB.txt", "TWO.txt"]


def test_names_that_a_folder_repeats_are_no_captions(tmp_path: Path) -> None:
    """Folders are told apart, and what is written about a picture counts all the same."""
    names = [f"Zorblax 2024-05-01 10.10.{second}.png" for second in range(10, 20)]
    scan = _gallery(tmp_path, *names, "other/Zorblax 2024-05-01 10.10.10.png")
    captions = _captions(scan)
    assert captions.pop("other/Zorblax 2024-05-01 10.10.10.png") == ("Zorblax",)
    assert set(captions.values()) == {()}
    (tmp_path / names[0].replace(".png", ".txt")).write_text("a cat")
    assert _captions(scan_folder(tmp_path))[names[0]] == ("a cat",)


def test_a_link_inside_is_followed(tmp_path: Path) -> None:
    """A row may name a picture through a link that stays inside."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    scan = _gallery(tmp_path, "real/a.png", captions__csv="image,description\nlink/a.png,yes\n")
    assert _captions(scan) == {"real/a.png": ("yes",)}


def test_bad_lines_stand_alone(tmp_path: Path) -> None:
    """A line that cannot be read is reported; the lines after it still count."""
    scan = _gallery(
        tmp_path,
        "a.png",
        "b.png",
        captions__csv='image,description\nalone\na.png,"first" x\na.png,fine\nb.png,"open\n',
        metadata__jsonl='{"file_name": "b.png", "text": "yes"}\n{broken\n[]\n{"text": "?"}\n'
        '{"file_name": "b.png", "text": "again"}\n',
    )
    assert _captions(scan) == {"a.png": ("fine",), "b.png": ("yes", "again")}
    assert [failure.path for failure in scan.failures] == ["captions.csv"] * 3 + [
        "metadata.jsonl"
    ] * 3
    assert all("Line " in failure.reason for failure in scan.failures)


def test_a_table_without_the_columns_says_so(tmp_path: Path) -> None:
    """``captions.csv`` is meant as a table: without the columns, the words name them."""
    scan = _gallery(tmp_path, "a.png", captions__csv="picture,words\na.png,yes\n")
    [failure] = scan.failures
    assert failure.path == "captions.csv"
    assert "image and description" in failure.reason


@pytest.mark.parametrize("content", ["", "\n", "\0", '"', "image,description", "\ufeff"])
def test_odd_tables_break_nothing(tmp_path: Path, content: str) -> None:
    """Whatever a table holds, the pictures are found."""
    scan = _gallery(tmp_path, "plum.png", captions__csv=content)
    assert _captions(scan) == {"plum.png": ("plum",)}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_table_is_a_failure(tmp_path: Path) -> None:
    """A table that may not be read is reported and harms nobody."""
    (tmp_path / "captions.csv").touch(mode=0)
    scan = _gallery(tmp_path, "plum.png")
    assert _captions(scan) == {"plum.png": ("plum",)}
    assert "cannot be read" in scan.failures[0].reason


_texts = st.text(
    alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), _texts), max_size=12),
    delimiter=st.sampled_from(",;\t"),
    ending=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_every_table_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str]],
    delimiter: str,
    ending: str,
    encoding: str,
) -> None:
    """Whatever captions a table is written with, these are what the pictures get."""
    out = io.StringIO(newline="")
    # Quoted throughout: left to itself, Python 3.11 does not quote a lone carriage return.
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(("image", "description"))
    for number, text in rows:
        writer.writerow((f"{number}.png", text))
    folder = tmp_path_factory.mktemp("table")
    scan = _gallery(
        folder,
        *(f"{number}.png" for number in range(4)),
        captions__csv=out.getvalue().encode(encoding),
    )
    assert scan.failures == ()
    for number in range(4):
        expected = dict.fromkeys(tidy(text) for place, text in rows if place == number)
        assert _captions(scan)[f"{number}.png"] == tuple(text for text in expected if text)
