"""The interactive map in a real browser: mouse, keys, groups, and what it leads to."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from bot.i18n.page import page_words
from tests.web.conftest import Open
from tests.web.pages import FLAWS, OVERFLOW, POOR_CONTRAST
from tests.web.parts import Parts, languages

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

DRAWN = """canvas => {
  // The page's own canvas is drawn to, never read: reading it again and again is told on the
  // console, where only the page's own complaints should stand. So a copy is read.
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext('2d', { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3]) seen.add(
    [data[i], data[i + 1], data[i + 2]].map(v => v >> 6).join());
  return seen.size;
}"""
"""How many colours (of 64) are on the canvas."""


async def opened(page: Page) -> None:
    """Open the map and wait until thumbnails are drawn."""
    await page.locator("#open-map").click()
    await expect(page.locator("#map-title")).to_contain_text("gallery")
    canvas = page.locator("#map-canvas")
    await expect(canvas).to_be_focused()
    for _ in range(100):
        if await canvas.evaluate(DRAWN) > 6:
            return
        await page.wait_for_timeout(50)
    raise AssertionError("the canvas stays empty")


async def test_the_map_is_searched_from_with_a_mouse(open_page: Open) -> None:
    """A picture under the pointer shows its caption, and a click asks for others like it.

    A drag moves the map and the wheel enlarges it, without asking for anything.
    """
    page = await open_page()
    await opened(page)
    box = await page.locator("#map-canvas").bounding_box()
    assert box is not None
    card = page.locator("#map-card")
    where = await page.locator("#map-canvas").evaluate(
        """async () => {
          const data = await (await fetch('/api/map')).json();
          const row = data.captions.indexOf('red bicycle');
          return [data.x[row], data.y[row]];
        }"""
    )
    x = box["x"] + 40 + where[0] * (box["width"] - 80)
    y = box["y"] + 40 + (1 - where[1]) * (box["height"] - 80)
    await page.mouse.move(x, y)
    await expect(card).to_contain_text("red")
    await page.mouse.down()
    await page.mouse.move(x + 60, y + 30, steps=4)
    await page.mouse.up()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.mouse.move(x + 60, y + 30)
    await expect(card).to_contain_text("red")
    await page.mouse.wheel(0, -300)
    await expect(card).to_contain_text("red")
    await page.mouse.click(x + 60, y + 30)
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator("#query-chip")).to_contain_text("red")
    await expect(page.locator("#grid a.tile").first).to_have_accessible_name(re.compile("^red"))
    assert "like=" in page.url


async def test_the_map_needs_no_mouse(open_page: Open) -> None:
    """Keys alone open it, choose a picture, enlarge, colour groups, and search."""
    page = await open_page()
    await page.locator("#open-map").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#map-title")).to_contain_text("pictures")
    await expect(page.locator("#map-canvas")).to_be_focused()
    caption = page.locator("#map-caption")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#map-card")).to_be_visible()
    first = await caption.inner_text()
    await page.keyboard.press("ArrowLeft")
    await expect(caption).not_to_have_text(first)
    for key in ("+", "-", "0", "Shift+ArrowUp"):
        await page.keyboard.press(key)
    await page.locator("#map-groups").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#map-legend li")).to_have_count(4)
    await page.locator("#map-canvas").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#map-group")).to_contain_text(" · ")
    await page.keyboard.press("Enter")
    await expect(page.locator("#answer")).to_contain_text("Close matches")
    await page.locator("#open-map").click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_drawn_map_leads_to_the_one_that_moves(open_page: Open) -> None:
    """``/map`` answers with a picture; its button opens the same map with the question on it."""
    page = await open_page(talking=True)
    await page.fill("#message", "/map red fruits --groups 3")
    await page.keyboard.press("Enter")
    answer = page.locator(".turn.theirs").first
    sheet = answer.locator("img.sheet")
    await expect(sheet).to_have_js_property("naturalWidth", 1400)
    async with page.expect_response(lambda r: "/api/map?" in r.url) as asked:
        await answer.get_by_role("button", name="Explore the map").click()
    body = await (await asked.value).json()
    assert body["mark"]["label"] == "“red fruits”"
    assert len(body["groups"]) == 3
    await expect(page.locator("#map-groups")).to_have_value("3")
    await expect(page.locator("#map-legend li")).to_have_count(3)


async def test_a_map_that_does_not_come_says_so(open_page: Open, parts: Parts) -> None:
    """Whatever the reason: its words stand below, and the dialog can be closed."""
    page = await open_page(complaints_expected=True)
    parts.library.held["web"] = {picture.id for picture in parts.snapshot.pictures}
    await page.locator("#open-map").click()
    await expect(page.locator("#map-problem")).to_contain_text("There are no pictures")
    await page.locator("#map-close").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("locale", ["en", "ja"])
async def test_the_map_can_be_read_by_all(open_page: Open, locale: str) -> None:
    """In each language: names for every control, contrast in both schemes, nothing sticks out."""
    page = await open_page(locale=locale)
    words = languages().presenter(locale).words
    await opened(page)
    await page.select_option("#map-groups", "4")
    await expect(page.locator("#map-legend li")).to_have_count(4)
    await page.locator("#map-canvas").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#map-keys")).to_have_text(page_words(words.translate)["map_keys"])
    assert await page.evaluate(FLAWS) == []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        checked, poor = await page.evaluate(POOR_CONTRAST, 4.5)
        assert checked > 8
        assert poor == []
    for width in (1200, 320):
        await page.set_viewport_size({"width": width, "height": 740})
        assert await page.evaluate(OVERFLOW) == [], width
