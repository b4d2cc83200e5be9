"""The demo gallery: made from packages that are fetched already, or a clear word why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.domain.errors import SourceError
from index.demo.gallery import EMOJI, EMOJI_LABELS, STAMPS, demo_gallery, drawings
from index.indexing.scan import scan_folder
from tests.fakes import picture_bytes


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither apt nor npm is there: only what is in the cache counts."""
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))


def _write(file: Path, data: bytes | str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)


def _stamps(cache: Path) -> None:
    root = cache / "debian" / STAMPS / "usr" / "share" / "tuxpaint" / "stamps"
    for name, text in (
        ("food/orange", "An orange.\nde.utf8=Eine Orange."),
        ("food/orange_mirror", "An orange."),
        ("animals/cat", "A cat."),
    ):
        _write(root / f"{name}.png", picture_bytes("orange"))
        _write(root / f"{name}.txt", text)
    _write(root / "animals" / "dog.svg", "<svg/>")
    _write(root / "animals" / "cat.ogg", b"meow")
    _write(root / "animals" / "silent.png", picture_bytes("red"))


def _emoji(cache: Path) -> None:
    pictures = cache / "npm" / f"{EMOJI[0].replace('/', '__')}-{EMOJI[1]}" / "assets"
    for name in ("1f34a", "2764-fe0f", "0000"):
        _write(pictures / f"{name}.webp", picture_bytes("orange"))
    labels = [{"hexcode": "1F34A", "label": "tangerine"}, {"hexcode": "2764", "label": "red heart"}]
    _write(cache / "npm" / "-".join(EMOJI_LABELS) / "en" / "data.json", json.dumps(labels))


def test_stamps_come_with_their_captions(tmp_path: Path) -> None:
    """Every captioned stamp is there once; mirrored twins, drawings and sounds are not."""
    _stamps(tmp_path)
    told: list[str] = []
    gallery = demo_gallery(tmp_path, told.append)
    scan = scan_folder(gallery)
    assert {picture.path: picture.captions for picture in scan.pictures} == {
        "animals/cat.png": ("A cat.",),
        "food/orange.png": ("An orange.",),
    }
    assert scan.failures == ()
    assert told[-1] == "2 captioned stamps are ready."


def test_a_gallery_is_made_once(tmp_path: Path) -> None:
    """A second call is instantaneous, silent, and needs no packages; nothing half is left."""
    _stamps(tmp_path)
    gallery = demo_gallery(tmp_path, lambda _step: None)
    told: list[str] = []
    assert demo_gallery(tmp_path, told.append) == gallery
    assert told == []
    assert [entry.name for entry in gallery.parent.iterdir() if entry.name.startswith(".st")] == []


def test_a_half_made_gallery_is_made_anew(tmp_path: Path) -> None:
    """What a killed call left is not taken for a gallery."""
    _write(tmp_path / "stamps" / "half.png", b"half")
    _stamps(tmp_path)
    paths = [picture.path for picture in scan_folder(demo_gallery(tmp_path, print)).pictures]
    assert paths == ["animals/cat.png", "food/orange.png"]


def test_emoji_stand_in_for_stamps(tmp_path: Path) -> None:
    """Without apt the emoji are taken, each with its label; those without one are not."""
    _emoji(tmp_path)
    scan = scan_folder(demo_gallery(tmp_path, print))
    assert {picture.path: picture.captions for picture in scan.pictures} == {
        "1f34a.webp": ("tangerine",),
        "2764-fe0f.webp": ("red heart",),
    }
    assert scan.failures == ()


def test_drawings_stand_in_where_nothing_can_be_fetched(tmp_path: Path) -> None:
    """They come with the program, each with its caption; the words say why it is them."""
    told: list[str] = []
    gallery = demo_gallery(tmp_path / "demo", told.append)
    assert any("apt-get" in line for line in told)
    assert any("npm" in line for line in told)
    scan = scan_folder(gallery)
    assert len(scan.pictures) == len(drawings()) >= 50
    assert scan.failures == ()
    captions = {picture.path: picture.captions for picture in scan.pictures}
    assert captions["orange.png"] == ("an orange",)
    assert sum(picture.size for picture in scan.pictures) < 2 * 2**20
    assert demo_gallery(tmp_path / "demo", told.append) == gallery


def test_a_gallery_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Where there is no room for any, the words say why and how to use one's own folder."""
    (tmp_path / "demo").write_text("in the way")
    with pytest.raises(SourceError, match=r"cannot be written.*GALLERY="):
        demo_gallery(tmp_path / "demo", lambda _step: None)
