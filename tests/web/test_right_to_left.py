"""The page for readers of Arabic: mirrored, and what is not Arabic kept in its order."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.web.conftest import Open
from tests.web.pages import FLAWS, OVERFLOW, say, search, talk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def left_of(node: Locator) -> float:
    """Where an element begins, in pixels from the left."""
    box = await node.bounding_box()
    assert box is not None
    return box["x"]


async def fits(page: Page) -> None:
    """Nothing sticks out, on a phone and on a desk."""
    for width in (390, 1280):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate(OVERFLOW) == [], width


async def test_the_page_is_mirrored_for_arabic(open_page: Open) -> None:
    """Bar, grid, viewer and conversation; arrow keys go where they point."""
    page = await open_page(locale="ar", viewport={"width": 1280, "height": 800})
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    assert await left_of(page.locator(".brand")) > await left_of(page.locator("#open-talk"))
    tiles = page.locator("#grid a.tile")
    assert await left_of(tiles.nth(0)) > await left_of(tiles.nth(1))
    await tiles.nth(0).focus()
    await page.keyboard.press("ArrowLeft")
    await expect(tiles.nth(1)).to_be_focused()
    await page.keyboard.press("Enter")
    onward, back = page.locator("#viewer-next"), page.locator("#viewer-previous")
    assert await left_of(onward) < await left_of(back)
    chevron = await onward.locator(".icon").evaluate("node => getComputedStyle(node).transform")
    assert chevron == "matrix(-1, 0, 0, 1, 0, 0)"
    second = await page.locator("#viewer-caption").text_content()
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("#viewer-caption")).not_to_have_text(str(second))
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#viewer-caption")).to_have_text(str(second))
    await page.keyboard.press("Escape")
    assert await page.evaluate(FLAWS) == []
    await fits(page)


async def test_commands_keep_their_slash_in_front(open_page: Open) -> None:
    """In menus, in help, and where they are typed; captions stand where the page begins."""
    page = await open_page(locale="ar", viewport={"width": 1280, "height": 800})
    await search(page, "orange fruits")
    await talk(page)
    assert await left_of(page.locator("#talk")) == 0
    await page.fill("#message", "/")
    first = page.locator("#commands li").first
    name, summary = first.locator("b"), first.locator("span")
    assert await name.evaluate("node => getComputedStyle(node).direction") == "ltr"
    assert await left_of(name) > await left_of(summary)
    await (await say(page, "/help")).locator(".facts dt").first.wait_for()
    told = page.locator(".facts dt")
    assert str(await told.first.text_content()).startswith("\u2066/find ")
    example = page.locator(".theirs .chips button").first
    assert await example.evaluate("node => getComputedStyle(node).direction") == "ltr"
    caption = page.locator(".theirs .card .caption").first
    await say(page, "/find orange fruits")
    assert await caption.evaluate("node => getComputedStyle(node).textAlign") == "right"
    await fits(page)
