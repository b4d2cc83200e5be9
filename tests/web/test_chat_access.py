"""The page for everybody: keyboard, screen reader, dark mode, small screens."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.protocol.definitions import COMMANDS
from core.domain.types import Progress
from tests.web.conftest import Open
from tests.web.pages import FLAWS, POOR_CONTRAST, attach, say, search, talk
from tests.web.parts import Parts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def converse(page: Page, parts: Parts) -> None:
    """A conversation with every kind of reply in it."""
    await say(page, "/find orange fruits")
    await expect(page.locator(".card")).to_have_count(5)
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
    await attach(page)
    for text in ("/describe", "/classify red, blue", "/add something red"):
        await say(page, text)
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

    await look("first", 8)
    await search(page, "orange house")
    await page.locator("a.tile").first.focus()
    await look("results", 20)
    await talk(page)
    await converse(page, parts)
    await look("talk", 60)
    await page.keyboard.press("Escape")
    await page.locator(".card-picture").first.click()
    await page.keyboard.press("i")
    await page.locator("#viewer-facts .fact-size").wait_for()
    await look("viewer", 10)


async def test_dark_mode_is_dark(open_page: Open) -> None:
    """The page follows the system's scheme."""
    page = await open_page(color_scheme="dark")
    colour = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert all(int(part) < 40 for part in colour.strip("rgb()").split(","))


async def test_everything_has_a_name(open_page: Open, parts: Parts) -> None:
    """Controls have names, pictures alternative texts, references their targets."""
    page = await open_page()
    assert await page.evaluate(FLAWS) == []
    await search(page, "orange fruits")
    assert await page.evaluate(FLAWS) == []
    first = page.get_by_role("listitem").get_by_role("link").first
    await expect(first).to_have_accessible_name("orange fruits. Score 1.00. close match")
    await expect(first.locator("xpath=..")).to_have_attribute("aria-posinset", "1")
    await talk(page)
    await converse(page, parts)
    assert await page.evaluate(FLAWS) == []
    log = page.get_by_role("log", name="Conversation")
    await expect(log).to_have_attribute("aria-live", "polite")
    first = page.get_by_role("img", name="Picture 1: orange").first
    await expect(first).to_have_attribute("alt", "Picture 1: orange fruits. Score 1.00 · strong.")


async def test_bands_differ_by_more_than_colour(open_page: Open) -> None:
    """Each band has its word, and its own number of filled steps."""
    page = await open_page(talking=True)
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
    """Searching, walking through the pictures, opening, leafing and coming back need keys alone."""
    page = await open_page()
    await page.keyboard.press("/")
    await expect(page.locator("#query")).to_be_focused()
    await page.keyboard.type("red")
    await page.keyboard.press("Enter")
    await expect(page.locator("#answer")).to_contain_text("Close matches")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("li[aria-posinset='1'] a")).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("li[aria-posinset='2'] a")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Home")
    await page.keyboard.press("Enter")
    viewer = page.locator("#viewer")
    await expect(viewer).to_be_visible()
    await expect(page.locator("#viewer-close")).to_be_focused()
    caption = await page.locator("#viewer-caption").inner_text()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#viewer-caption")).not_to_have_text(caption)
    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()
    await expect(page.locator("li[aria-posinset='2'] a")).to_be_focused()


async def test_the_keyboard_stays_in_what_is_open(open_page: Open) -> None:
    """Tab goes round in the viewer, and on a phone in the conversation; Esc gives it back."""
    page = await open_page(viewport={"width": 390, "height": 844})
    await page.locator("a.tile").first.click()
    for _ in range(12):
        await page.keyboard.press("Tab")
        inside = "document.activeElement === document.body || !!document.activeElement.closest"
        assert await page.evaluate(f"{inside}('#viewer')")
    await page.keyboard.press("Escape")
    await expect(page.locator("a.tile").first).to_be_focused()
    await talk(page)
    for _ in range(12):
        await page.keyboard.press("Tab")
        assert await page.evaluate(f"{inside}('#talk')")
    await page.keyboard.press("Escape")
    await expect(page.locator("#open-talk")).to_be_focused()


async def test_calm_pages_do_not_move(open_page: Open) -> None:
    """Who asks for less motion sees no animation and no transition at all."""
    page = await open_page(talking=True)
    await page.route("**/api/chat", lambda _: None)
    await say(page, "red")
    moving = """() => document.getAnimations().length + [...document.querySelectorAll('*')].filter(
      n => getComputedStyle(n).transitionDuration !== '0s').length"""
    assert await page.evaluate(moving) == 0
    await page.emulate_media(reduced_motion="no-preference")
    assert await page.evaluate(moving) > 0


async def test_the_field_remembers_and_completes(open_page: Open) -> None:
    """Arrow-up brings back what was sent, Esc empties, "/" offers commands to choose from."""
    page = await open_page(talking=True)
    field = page.locator("#message")
    for text in ("red", "blue"):
        await say(page, text)
    for key, text in [("ArrowUp", "blue"), ("ArrowUp", "red"), ("ArrowDown", "blue")]:
        await page.keyboard.press(key)
        await expect(field).to_have_value(text)
    await page.keyboard.press("Escape")
    await expect(field).to_have_value("")
    await page.keyboard.type("/")
    offered = [
        each
        for each in COMMANDS
        if each.is_on("web") and each.is_offered_to(is_admin=True, may_add=False)
    ]
    await expect(page.get_by_role("option")).to_have_count(len(offered))
    await page.keyboard.press("ArrowDown")
    await expect(
        page.locator("#commands").get_by_role("option", name="/similar")
    ).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await page.keyboard.type("de")
    await page.keyboard.press("Tab")
    await expect(field).to_have_value("/describe ")
    await page.keyboard.press("Shift+Enter")
    await expect(field).to_have_value("/describe \n")
