"""What tests do with the page: ask, talk, hand it photos; and measures of what it shows."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from tests.fakes import picture_bytes

HERE = Path(__file__).parent
POOR_CONTRAST = (HERE / "contrast.js").read_text()
FLAWS = (HERE / "flaws.js").read_text()
OVERFLOW = (HERE / "overflow.js").read_text()
MIDDLE = (HERE / "middle.js").read_text()
_GIVE = (HERE / "give.js").read_text()

RED = picture_bytes("red", seed=77, edge=64)


async def search(page: Page, text: str) -> None:
    """Type a question into the search bar, and wait for its answer."""
    await page.fill("#query", text)
    await page.locator("#query").press("Enter")
    await expect(page.locator("#answer")).not_to_be_empty()
    await expect(page.locator("#grid")).not_to_have_attribute("aria-busy", "true")


async def talk(page: Page) -> Page:
    """Open the conversation."""
    await page.click("#open-talk")
    await expect(page.locator("#message")).to_be_focused()
    return page


async def say(page: Page, text: str) -> Locator:
    """Write a message in the conversation and send it; the reply to it."""
    turns = await page.locator(".turn.theirs").count()
    await page.fill("#message", text)
    await page.locator("#message").press("Enter")
    return page.locator(".turn.theirs").nth(turns)


async def give(
    page: Page, kind: str, data: bytes = RED, media_type: str = "image/png", name: str = "photo.png"
) -> None:
    """Drag, drop or paste a file."""
    await page.evaluate(_GIVE, [kind, base64.b64encode(data).decode(), name, media_type])


async def attach(page: Page, data: bytes = RED, name: str = "p.png") -> None:
    """Choose a file; it stays in the bar."""
    file = {"name": name, "mimeType": "image/png", "buffer": data}
    await page.set_input_files("#file", file)
    await expect(page.locator("#query-chip img")).to_have_count(1)


async def take_off(page: Page) -> None:
    """Take the photo off again, in the conversation."""
    await page.locator("#message-chip button").click()
    await expect(page.locator("#message-chip")).to_be_hidden()
