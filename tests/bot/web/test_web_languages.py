"""The page and the HTTP API in the language of the request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.web.parts import Parts, serving


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a running web chat."""
    async with serving(Parts(tmp_path)) as adapter, aiohttp.ClientSession(adapter.url) as session:
        yield session


@pytest.mark.parametrize(
    ("asked", "lang", "word"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Was suchst du?"),
        ("sv, pt-PT;q=0.5", "pt-BR", "O que você procura?"),
        ("sv", "en", "What are you looking for?"),
        ("", "en", "What are you looking for?"),
    ],
)
async def test_the_page_comes_in_the_language_that_is_asked_for(
    client: aiohttp.ClientSession, asked: str, lang: str, word: str
) -> None:
    """Caches are told that it depends on the header, and each language has its own tag."""
    headers = {"Accept-Language": asked} if asked else {}
    async with client.get("/", headers=headers) as response:
        page = await response.text()
        assert f'<html lang="{lang}" dir="ltr">' in page
        assert word in page
        assert response.headers["Vary"] == "Accept-Language"
        assert response.headers["Content-Language"] == lang
        tag = response.headers["ETag"]
    async with client.get("/", headers={**headers, "If-None-Match": tag}) as response:
        assert response.status == 304
        assert response.headers["Vary"] == "Accept-Language"
    async with client.get("/", headers={"Accept-Language": "ja", "If-None-Match": tag}) as response:
        assert response.status == 200
        assert "何をお探しですか" in await response.text()


async def test_errors_of_the_api_come_in_the_readers_language(
    client: aiohttp.ClientSession,
) -> None:
    """The code is for programs and stays; the message is for people."""
    async with client.get("/api/find?q=", headers={"Accept-Language": "es-AR"}) as response:
        body = await response.json()
    assert body["error"]["code"] == "empty_query"
    assert body["error"]["message"].startswith("No hay palabras que buscar.")
