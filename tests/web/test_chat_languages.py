"""The page and its answers in the reader's language, in a real browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.i18n.menus import command_summaries
from bot.rendering.fonts import font_files
from tests.web.conftest import Open
from tests.web.pages import FLAWS, OVERFLOW, say, search, talk
from tests.web.parts import Parts, languages

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

WIDTHS = (320, 1090, 1280)
"""A small phone, the narrowest window whose tools have words, a desk."""


@pytest.fixture(scope="module")
def browser_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Japanese letters, which few machines without a screen have."""
    home = tmp_path_factory.mktemp("home")
    (home / "fonts").mkdir()
    gothic = next(file for file in font_files() if file.name == "ipaexg.ttf")
    (home / "fonts" / gothic.name).symlink_to(gothic)
    return home


async def fits(page: Page) -> None:
    """Nothing lacks a name, nothing sticks out or lies over something else, at any width."""
    assert await page.evaluate(FLAWS) == []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 740})
        assert await page.evaluate(OVERFLOW) == [], width


async def test_what_sticks_out_would_be_seen(open_page: Open) -> None:
    """The measure of the tests below tells of a word that is too long for its place."""
    page = await open_page(viewport={"width": 320, "height": 740})
    assert await page.evaluate(OVERFLOW) == []
    await page.evaluate("document.querySelector('#summary').textContent = 'w'.repeat(80)")
    assert any("outside" in found for found in await page.evaluate(OVERFLOW))


@dataclass(frozen=True)
class Reader:
    """Somebody with this locale, and what the page says to them."""

    locale: str
    lang: str
    hello: str
    heading: str
    score: str
    nothing: str
    close: str
    number: str


READERS = (
    Reader(
        "en-GB",
        "en",
        "What are you looking for?",
        "Matches 1–5 for “orange fruits”",  # noqa: RUF001 - a range
        "1.00 · strong",
        "There are no words",
        "Close matches: 5",
        "1.00",
    ),
    Reader(
        "pt-PT",
        "pt-BR",
        "O que você procura?",
        "Resultados 1–5 de “orange fruits”",  # noqa: RUF001 - a range
        "1,00 · forte",
        "Não há palavras para buscar.",
        "Resultados próximos: 5",
        "1,00",
    ),
    Reader(
        "es-MX",
        "es",
        "¿Qué buscas?",
        "Resultados 1–5 de «orange fruits»",  # noqa: RUF001 - a range
        "1,00 · fuerte",
        "No hay palabras que buscar.",
        "Resultados cercanos: 5",
        "1,00",
    ),
    Reader(
        "de-AT",
        "de",
        "Was suchst du?",
        "Treffer 1–5 für „orange fruits“",  # noqa: RUF001 - a range
        "1,00 · stark",
        "Es fehlen die Wörter",
        "Gute Treffer: 5",
        "1,00",
    ),
    Reader(
        "ja-JP",
        "ja",
        "何をお探しですか?",
        "「orange fruits」の結果 1〜5",
        "1.00 · 強い",
        "検索する言葉がありません。",
        "近い一致: 5",
        "1.00",
    ),
)


# The longest words, and letters without spaces; the others' words fit where these do.
_HARDEST = {"de", "ja"}


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(
            each, id=each.locale, marks=[] if each.lang in _HARDEST else [pytest.mark.long]
        )
        for each in READERS
    ],
)
async def test_the_chat_speaks_the_browsers_language(
    open_page: Open, parts: Parts, reader: Reader
) -> None:
    """Page, menu, answers and errors are in one language, and fit into small windows."""
    page = await open_page(locale=reader.locale)
    words = languages().presenter(reader.locale).words
    await expect(page.locator("html")).to_have_attribute("lang", reader.lang)
    await expect(page.locator("html")).to_have_attribute("dir", "ltr")
    await expect(page.locator("#hello h3")).to_have_text(reader.hello)
    await expect(page.locator("#summary")).to_have_text(words.pictures(len(parts.captions)))
    await fits(page)
    await search(page, "orange fruits")
    await expect(page.locator("#answer")).to_have_text(reader.close)
    await page.locator("#grid a.tile").first.focus()
    await fits(page)
    await page.locator("#grid a.tile").first.click()
    await page.locator("#viewer-facts .fact-size").wait_for()
    await expect(page.locator("#viewer-facts .fact-score")).to_contain_text(reader.number)
    await fits(page)
    await page.keyboard.press("Escape")
    await talk(page)
    await page.fill("#message", "/")
    find = command_summaries(words.translate)["find"]
    await expect(page.locator("#commands li").first).to_contain_text(find)
    await fits(page)
    await page.set_viewport_size({"width": 320, "height": 500})
    await page.keyboard.press("ArrowUp")
    await expect(page.locator("#commands li").last).to_be_in_viewport(ratio=0.9)
    await say(page, "/find orange fruits")
    answer = page.locator(".turn.theirs").first
    await expect(answer.locator("h2")).to_have_text(reader.heading)
    await expect(answer.locator(".card .score").first).to_have_text(reader.score)
    await fits(page)
    for number, text in enumerate(("/find", "/help", "/status", "zebra crossing"), start=2):
        await say(page, text)
        await expect(page.locator(".turn.theirs")).to_have_count(number)
    await expect(page.locator(".turn.theirs").nth(1)).to_contain_text(reader.nothing)
    await expect(page.locator(".turn.theirs").nth(4)).to_contain_text(words.no_close_match())
    await fits(page)


async def test_a_protected_chat_asks_for_its_token_in_german(open_page: Open, parts: Parts) -> None:
    """The log-in and its refusal are translated too."""
    del parts
    page = await open_page(locale="de", token="right-token-right", complaints_expected=True)
    await expect(page.locator("#login-title")).to_have_text("Anmelden")
    await fits(page)


_WRITTEN_OUT = {reader.lang.partition("-")[0] for reader in READERS}


# From right to left, in wide letters, and where words are longest.
_OTHERS = {"ar", "zh", "fr", "ru"}


@pytest.mark.parametrize(
    "language",
    [
        pytest.param(each, marks=[] if each in _OTHERS else [pytest.mark.long])
        for each in sorted(set(languages().all) - _WRITTEN_OUT)
    ],
)
async def test_every_other_language_fits(open_page: Open, language: str) -> None:
    """The first screen, a picture with its details, and the menu of commands."""
    page = await open_page(locale=language)
    words = languages().presenter(language).words
    await expect(page.locator("html")).to_have_attribute("lang", words.locale)
    await fits(page)
    await page.locator("#grid a.tile").first.click()
    await page.locator("#viewer-facts .fact-size").wait_for(state="attached")
    await fits(page)
    await page.keyboard.press("Escape")
    await talk(page)
    await page.fill("#message", "/")
    find = command_summaries(words.translate)["find"]
    await expect(page.locator("#commands li").first).to_contain_text(find)
    await fits(page)
