"""The page for everybody: keyboard, screen reader, dark mode, small screens."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.definitions import COMMANDS
from core.types import Progress
from tests.fakes import picture_bytes
from tests.web.conftest import Open
from tests.web.parts import Parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parent
POOR_CONTRAST = (HERE / "contrast.js").read_text()
FLAWS = (HERE / "flaws.js").read_text()


async def say(page: Page, text: str) -> None:
    """Write a message and send it."""
    await page.fill("#message", text)
    await page.keyboard.press("Enter")


async def talk(page: Page, parts: Parts) -> None:
    """A conversation with every kind of reply in it."""
    await say(page, "/find orange fruits")
    await expect(page.locator(".card")).to_have_count(5)
    photo = {"name": "p.png", "mimeType": "image/png", "buffer": picture_bytes("red", edge=64)}
    for text, seen in [
        ("zebra crossing", "No close match"),
        ("/find x --nonsense", "no option"),
        ("/help", "For example"),
        ("/status", "dimensions"),
        ("/settings", "How I answer here"),
        ("/privacy export", "tangerine-data.zip"),
        ("/remove p0000003", "Removed from"),
        ("/reindex", "Reading the folder"),
    ]:
        await say(page, text)
        await expect(page.locator(".turn.theirs").last).to_contain_text(seen)
    parts.reindexing.step(Progress("encode", 1, 2))
    await expect(page.locator("#work-text")).to_contain_text("50%")
    for text in ("/describe", "/classify red, blue", "/add something red"):
        await page.fill("#message", text)
        await page.set_input_files("#file", photo)
        await page.keyboard.press("Enter")
    await expect(page.locator(".captions, .labels")).to_have_count(2)
    await expect(page.locator(".turn.theirs").last).to_contain_text("Added to")
    await page.fill("#message", "/")


async def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page where TANGERINE_TEST_SHOTS names a folder."""
    folder = os.environ.get("TANGERINE_TEST_SHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def test_every_text_can_be_read(open_page: Open, parts: Parts) -> None:
    """Contrast is at least 4.5 in both schemes; no width needs scrolling sideways."""
    page = await open_page()

    async def look(name: str, at_least: int) -> None:
        for scheme, width in itertools.product(("light", "dark"), (1200, 360)):
            await page.emulate_media(color_scheme=scheme)
            await page.set_viewport_size({"width": width, "height": 740})
            await shoot(page, f"{name}-{scheme}-{width}")
            checked, poor = await page.evaluate(POOR_CONTRAST, 4.5)
            assert checked >= at_least
            assert poor == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= width

    await look("empty", 8)
    await talk(page, parts)
    await look("talk", 60)
    await page.keyboard.press("Escape")
    await page.locator(".card-picture").first.click()
    await look("viewer", 60)


async def test_dark_mode_is_dark(open_page: Open) -> None:
    """The page follows the system's scheme."""
    page = await open_page(color_scheme="dark")
    colour = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert all(int(part) < 40 for part in colour.strip("rgb()").split(","))


async def test_everything_has_a_name(open_page: Open, parts: Parts) -> None:
    """Controls have names, pictures alternative texts, references their targets."""
    page = await open_page()
    assert await page.evaluate(FLAWS) == []
    await talk(page, parts)
    assert await page.evaluate(FLAWS) == []
    log = page.get_by_role("log", name="Conversation")
    await expect(log).to_have_attribute("aria-live", "polite")
    first = page.get_by_role("img", name="Picture 1: orange").first
    await expect(first).to_have_attribute("alt", "Picture 1: orange fruits. Score 1.00 · strong.")


async def test_bands_differ_by_more_than_colour(open_page: Open) -> None:
    """Each band has its word, and its own number of filled steps."""
    page = await open_page()
    await say(page, "/find orange house --count 10")
    scores = page.locator(".score[data-band]:visible")
    await expect(page.locator(".card")).to_have_count(10)
    filled = """node => [...node.querySelectorAll('.steps i')].filter(
      i => getComputedStyle(i).backgroundColor !== 'rgba(0, 0, 0, 0)').length"""
    wanted = {"strong": 3, "fair": 2, "weak": 1}
    seen = set()
    for score in await scores.all():
        band = await score.get_attribute("data-band")
        seen.add(band)
        assert band in await score.inner_text()
        assert await score.evaluate(filled) == wanted[band]
    assert len(seen) > 1


async def test_all_of_it_works_without_a_mouse(open_page: Open) -> None:
    """Writing, opening a picture, leafing, closing and asking for more need keys alone."""
    page = await open_page()
    await expect(page.locator("#message")).to_be_focused()
    await page.keyboard.type("red")
    await page.keyboard.press("Enter")
    await expect(page.locator(".card")).to_have_count(5)
    await page.locator(".card-picture").first.focus()
    await page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    await expect(viewer).to_be_visible()
    caption = await page.locator("#viewer-caption").inner_text()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#viewer-caption")).not_to_have_text(caption)
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("#viewer-caption")).to_have_text(caption)
    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()
    await expect(page.locator(".card-picture").first).to_be_focused()
    await page.keyboard.press("Tab")
    focused = await page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == f"More like this: {caption}"
    await page.keyboard.press("Enter")
    await expect(page.locator(".turn.theirs").nth(1).locator(".card")).to_have_count(5)
    await expect(page.locator("#message")).to_be_focused()


async def test_the_field_remembers_and_completes(open_page: Open) -> None:
    """Arrow-up brings back what was sent, Esc empties, "/" offers commands to choose from."""
    page = await open_page()
    field = page.locator("#message")
    for text in ("red", "blue"):
        await say(page, text)
    for key, text in [("ArrowUp", "blue"), ("ArrowUp", "red"), ("ArrowDown", "blue")]:
        await page.keyboard.press(key)
        await expect(field).to_have_value(text)
    await page.keyboard.press("Escape")
    await expect(field).to_have_value("")
    await page.keyboard.type("/")
    await expect(page.get_by_role("option")).to_have_count(len(COMMANDS))
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("option", name="/similar")).to_have_attribute(
        "aria-selected", "true"
    )
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await page.keyboard.type("de")
    await page.keyboard.press("Tab")
    await expect(field).to_have_value("/describe ")
    await page.keyboard.press("Shift+Enter")
    await expect(field).to_have_value("/describe \n")


async def test_the_large_picture_comes_in_a_dialog(open_page: Open) -> None:
    """A click opens the original in its size, with its score, its link and more like it."""
    page = await open_page()
    await say(page, "green")
    await page.locator(".card-picture").nth(2).click()
    large = page.locator("#viewer-picture")
    await expect(large).to_have_attribute("src", re.compile(r"/pictures/p\d+$"))
    await expect(large).to_have_js_property("naturalWidth", 48)
    await expect(page.locator("#viewer-score")).to_contain_text("·")
    assert (await page.locator("#viewer-original").get_attribute("href")).startswith("/pictures/p")
    await page.locator("#viewer").get_by_role("button", name="More like this").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator(".turn.theirs").nth(1).locator(".card")).to_have_count(5)


async def test_an_example_is_sent_as_it_is(open_page: Open) -> None:
    """The suggestions of an empty conversation are questions that one click asks."""
    page = await open_page()
    example = page.locator("#examples button").first
    text = await example.inner_text()
    await example.click()
    await expect(page.locator(".turn.mine .bubble")).to_have_text(text)
    await expect(page.locator(".card")).to_have_count(5)
