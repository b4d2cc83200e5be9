"""A model that changed: what is answered while the pictures are encoded anew, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.protocol.replies import Pictures, Reply, Text
from bot.protocol.requests import InMemory, Request
from config.settings import Settings
from core.domain.errors import BeingEncodedAnew, ModelMismatch
from core.domain.types import FoundBy
from core.search.service import Search
from tests.fakes import FakeEmbedder, FakeEncoder, picture_bytes
from tests.galleries import Gallery, until
from tests.web.parts import Parts, serving

NOTE = (
    "The pictures are being encoded anew for another model. Until that is done, captions and "
    "words in pictures are searched letter by letter."
)


def _updated() -> FakeEmbedder:
    encoder = FakeEncoder()
    encoder.identity = replace(encoder.identity, fingerprint="0" * 64)
    return FakeEmbedder(encoder)


async def _indexed(home: Path) -> Gallery:
    gallery = Gallery(home)
    for number, colour in enumerate(("red", "green", "blue")):
        gallery.add(f"{colour}.png", colour, number, caption=f"a {colour} thing")
    await gallery.reindex()
    return gallery


async def test_captions_answer_while_pictures_are_encoded_anew(tmp_path: Path) -> None:
    """What needs the model says that it is too early; afterwards all is as ever."""
    await _indexed(tmp_path)
    gallery = Gallery(tmp_path, embedder=_updated())
    search = Search(gallery.library, gallery.embedder, gallery.decoder)
    with pytest.raises(ModelMismatch):
        await search.find("green thing", community="web")
    gallery.embedder.gate.clear()
    encoding = asyncio.create_task(gallery.reindex(full=True))
    await until(lambda: sum(gallery.embedder.lanes.values()) > 0)
    found = await search.find("green thing", community="web")
    assert found.hits[0].picture.path == "green.png"
    assert (found.by_letters, found.close_match) == (True, True)
    assert found.hits[0].found_by is FoundBy.CAPTION
    red = (tmp_path / "pictures" / "red.png").read_bytes()
    with pytest.raises(BeingEncodedAnew):
        await search.similar(red, community="web")
    gallery.embedder.gate.set()
    await encoding
    found = await search.find("green thing", community="web")
    assert (found.by_letters, found.hits[0].picture.path) == (False, "green.png")
    assert (await search.similar(red, community="web")).hits[0].picture.path == "red.png"


async def test_letters_alone_find_by_pages(tmp_path: Path) -> None:
    """Pages follow each other without a gap, and what no caption holds is not found."""
    await _indexed(tmp_path)
    gallery = Gallery(tmp_path, embedder=_updated(), awaited=True)
    search = Search(gallery.library, gallery.embedder, gallery.decoder)
    first = await search.find("red green blue", community="web", k=2)
    rest = await search.find("red green blue", community="web", k=2, offset=2)
    assert (len(first.hits), first.has_more, len(rest.hits), rest.has_more) == (2, True, 1, False)
    assert [hit.rank for hit in (*first.hits, *rest.hits)] == [1, 2, 3]
    assert (await search.find("submarine", community="web")).hits == ()


async def test_status_says_which_collection_is_of_another_model(tmp_path: Path) -> None:
    """Until it is encoded anew, and not after."""
    first = await _indexed(tmp_path)
    assert [each.outdated for each in await first.library.status("web")] == [False]
    updated = Gallery(tmp_path, embedder=_updated())
    assert [each.outdated for each in await updated.library.status("web")] == [True]
    await updated.reindex(full=True)
    assert [each.outdated for each in await updated.library.status("web")] == [False]


@pytest.mark.parametrize(
    ("model", "upgrade", "anew"),
    [
        ("mini", None, True),
        ("mini", "ask", False),
        ("openai/clip-vit-base-patch32", None, False),
        ("openai/clip-vit-base-patch32", "auto", True),
    ],
)
def test_only_mini_is_encoded_anew_unasked(model: str, upgrade: str | None, *, anew: bool) -> None:
    """Its vectors take seconds; those of a large model may take a night."""
    settings = Settings.model_validate({"model": model, "index": {"upgrade": upgrade}})
    assert settings.encodes_anew is anew


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat whose collection is being encoded anew."""
    built = Parts(tmp_path)
    built.library.refusal = BeingEncodedAnew(collection="gallery")
    yield built
    await built.close()


async def test_chats_say_it_above_the_pictures(parts: Parts) -> None:
    """A photo, which needs the model, gets a reply that is no error."""
    reply = await parts.commands.handle(Request("web", "web", "web:1", text="/find red"))
    assert NOTE in [part.text for part in reply.parts if isinstance(part, Text)]
    assert any(isinstance(part, Pictures) for part in reply.parts)
    photo = InMemory(picture_bytes("red", seed=77, edge=64))
    asked = Request("web", "web", "web:1", text="/find", pictures=(photo,))
    said = await parts.commands.handle(asked)
    assert said == Reply(
        (
            Text(
                "“gallery” is being encoded anew for another model. Until that is done, /find "
                "searches captions and words in pictures by their letters alone."
            ),
        )
    )


async def test_the_page_shows_its_pictures_meanwhile(parts: Parts) -> None:
    """The grid, and answers that carry the note in a key of their own."""
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as client:
        async with client.get("/api/pictures") as response:
            assert len((await response.json())["pictures"]) == len(parts.snapshot.pictures)
        async with client.get("/api/find", params={"q": "red"}) as response:
            body = await response.json()
    assert body["by_letters"] is True
    assert body["hits"][0]["found_by"] == "caption"
