"""``/map`` in chat: one picture, what it shows in words, and what the page draws itself."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bot.discord.layout import Page
from bot.i18n.discord import drawing_words
from bot.protocol.replies import MapSheet, Reply
from bot.protocol.requests import InMemory, Request
from bot.rendering.map import MapSheets
from bot.rendering.map_painter import PALETTE, SIZE, MapDrawing, MapPainter
from bot.telegram.text import text_of as telegram_text
from bot.web.replies import reply_json
from core.domain.rate_limits import Quota
from core.search.map import Mapper
from tests.fakes import COLOURS, picture_bytes
from tests.reply_texts import text_of
from tests.web.parts import GALLERY, Parts, languages


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas."""
    built = Parts(tmp_path)
    yield built
    await built.close()


def asked(text: str = "", **values: object) -> Request:
    """A request of a member."""
    return Request("discord", "discord:5", "discord:1", text=text, **values)


def sheet_of(reply: Reply) -> MapSheet:
    """The map of a reply."""
    return next(part for part in reply.parts if isinstance(part, MapSheet))


def pixels_of(png: bytes) -> NDArray[np.int64]:
    """The pixels of a map, [height * width, 3]."""
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == SIZE
        return np.asarray(image.convert("RGB")).reshape(-1, 3).astype(np.int64)


def near(png: bytes, colour: tuple[int, int, int]) -> int:
    """How many pixels have nearly this colour."""
    return int((np.abs(pixels_of(png) - colour).sum(axis=1) < 40).sum())


async def test_a_map_is_a_picture_and_its_words(parts: Parts) -> None:
    """Thumbnails in the collection's colours; how many pictures, and what the axes show."""
    reply = await parts.commands.handle(asked("/map"))
    assert f"Map of “gallery”: {len(GALLERY)} pictures" in text_of(reply)
    assert "of the variance" in text_of(reply)
    sheet = sheet_of(reply)
    for colour in ("red", "green", "blue", "yellow"):
        assert near(sheet.png, COLOURS[colour]) > 500
    assert "Groups" not in text_of(reply)
    assert sheet.alt.startswith("Map of “gallery”")


async def test_groups_have_numbers_colours_and_names(parts: Parts) -> None:
    """Each group's colour is on the map, and its name, from the captions, in the words."""
    reply = await parts.commands.handle(asked("/map --groups 4"))
    assert "Groups: " in text_of(reply)
    named = text_of(reply).split("Groups: ")[1]
    assert any(f"{colour} · " in named for colour in ("red", "blue", "green", "yellow", "orange"))
    plain = sheet_of(await parts.commands.handle(asked("/map")))
    for colour in PALETTE[:4]:
        assert near(sheet_of(reply).png, colour) > near(plain.png, colour) + 50


async def test_a_question_and_a_photo_are_marked(parts: Parts) -> None:
    """The reply says so, and the drawing differs; a photo alone needs no words."""
    plain = sheet_of(await parts.commands.handle(asked("/map")))
    for request in (
        asked("/map red fruits"),
        asked("/map", pictures=(InMemory(picture_bytes("red", seed=5, edge=64)),)),
        asked(command="map", options={"query": "red fruits"}),
    ):
        reply = await parts.commands.handle(request)
        assert "is marked" in text_of(reply)
        assert sheet_of(reply).png != plain.png


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/map --groups 1", "bad_setting"),
        ("/map --groups 13", "bad_setting"),
        ("/map --groups many", "bad_setting"),
        ("/map --collection secret", "not_found"),
        ("/map " + "x" * 201, "query_too_long"),
    ],
)
async def test_what_cannot_be_drawn_is_told(parts: Parts, text: str, code: str) -> None:
    """Numbers out of range, collections of others and long questions are errors in words."""
    reply = await parts.commands.handle(asked(text))
    assert reply.error is not None
    assert reply.error.code == code


async def test_a_map_counts_as_a_picture(tmp_path: Path) -> None:
    """It is asked for as often as a picture may be."""
    parts = Parts(tmp_path, quota=Quota(cooldown_s={"picture": 60.0, "text": 0.0}))
    assert (await parts.commands.handle(asked("/map"))).error is None
    second = await parts.commands.handle(asked("/map"))
    assert second.error is not None
    assert second.error.code == "too_many_requests"
    await parts.close()


async def test_what_is_held_is_on_no_map(parts: Parts) -> None:
    """A community that holds a colour has a map without it, in words and pixels."""
    held = {picture.id for picture in parts.snapshot.pictures if "red" in picture.caption}
    parts.library.held["discord:5"] = held
    reply = await parts.commands.handle(asked("/map red --groups 12"))
    count = len(GALLERY) - len(held)
    assert f": {count} pictures" in text_of(reply)
    assert near(sheet_of(reply).png, COLOURS["red"]) < 50
    chart = await parts.commands.map_points(asked(), collection="", groups=0, text="")
    assert not held & {picture.id for picture in chart.snapshot.pictures}


async def test_a_picture_without_a_file_keeps_its_dot(parts: Parts) -> None:
    """One broken file of a collection does not spoil the map."""
    chart = await Mapper(parts.library, parts.search).draw_up(community="web")

    async def nothing(_: str) -> None:
        return None

    png = await MapSheets().draw(chart, parts.presenter.words, nothing)
    assert near(png, (242, 160, 70)) > 20 * len(GALLERY)


async def test_words_around_a_map_are_mirrored_and_its_plane_is_not(parts: Parts) -> None:
    """In Arabic the groups stand on the left; every dot lies as far from the next as before."""
    chart = await Mapper(parts.library, parts.search).draw_up(community="web", groups=3)

    async def nothing(_: str) -> None:
        return None

    legend = 290
    beside = {
        language: pixels_of(
            await MapSheets().draw(chart, languages().presenter(language).words, nothing)
        ).reshape(SIZE[1], SIZE[0], 3)
        for language in ("en", "ar")
    }
    numbers = [
        np.flatnonzero((part == PALETTE[2]).all(axis=2).any(axis=0))
        for part in (beside["en"][:, -legend:], beside["ar"][:, :legend])
    ]
    assert numbers[0][-1] < legend // 5, "numbers stand left of the names"
    assert numbers[1][0] > legend - legend // 5, "numbers stand right of the names"
    drawing = MapDrawing(chart.plane.points, str, "", "", legend=["a"])
    plain, mirrored = (MapPainter().plan(replace(drawing, rtl=rtl)).dots for rtl in (False, True))
    assert np.allclose(mirrored - plain, (legend, 0), atol=0.01)


async def test_every_platform_shows_it(parts: Parts) -> None:
    """Discord as a gallery with an alternative text, Telegram below its words, the page too."""
    reply = await parts.commands.handle(asked("/map red --groups 3 --collection gallery"))
    words = languages().presenter("en").words
    page = Page(reply, drawing_words(words.translate), caller=1, limit=10**7)
    page.drawn(sheet_of(reply).png, "sheet.png", sheet_of(reply).alt, 10**7)
    drawing = page.finish()
    assert [file.filename for file in drawing.files()] == ["sheet.png"]
    assert "'type': 12" in str(drawing.view.to_components())
    assert "of the variance" in telegram_text(reply)
    documents = []
    shown = reply_json(reply, lambda document: documents.append(document) or "/d/1")
    part = shown["parts"][-1]
    assert (part["type"], part["url"], documents[0].name) == ("map", "/d/1", "map.png")
    assert (part["collection"], part["groups"], part["text"]) == ("gallery", 3, "red")
