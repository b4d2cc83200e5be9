"""Adding, removing, choosing and taking one's data along, in a real browser."""

from __future__ import annotations

import json
import zipfile

import pytest
from playwright.async_api import Locator, Page, expect

from tests.fakes import picture_bytes
from tests.web import pages
from tests.web.conftest import Open
from tests.web.pages import attach, take_off
from tests.web.parts import Parts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PINK = picture_bytes("pink", seed=770, edge=64)


async def say(page: Page, text: str, photo: bytes | None = None) -> Locator:
    """Write a message, with a photo or without, and send it; the reply to it."""
    if photo is None:
        return await pages.say(page, text)
    await attach(page, photo)
    reply = await pages.say(page, text)
    await take_off(page)
    return reply


async def test_add_find_remove_undo(open_page: Open, parts: Parts) -> None:
    """What is added is found, what is removed is not, and Undo brings it back."""
    page = await open_page(talking=True)
    added = await say(page, "/add a pink lagoon", PINK)
    await expect(added.locator("h2")).to_have_text("Added to “gallery”")
    await expect(added.locator(".score")).to_have_text("id v0000000")
    await expect(added.locator(".card img")).to_have_js_property("naturalWidth", 64)
    await expect(page.locator("#summary")).to_have_text("62 pictures")

    found = await say(page, "/find pink --count 10")
    lagoon = found.locator(".card", has_text="a pink lagoon")
    await expect(lagoon).to_have_count(1)

    choice = await say(page, "/remove pink")
    card = choice.locator(".card", has_text="a pink lagoon")
    await card.get_by_role("button", name="Remove #").click()
    removed = page.locator(".turn.theirs").nth(3)
    await expect(removed).to_contain_text("Removed from “gallery”: a pink lagoon (id v0000000).")
    await expect(page.locator("#summary")).to_have_text("61 pictures")
    again = await say(page, "/find pink --count 10")
    await expect(again.locator(".card")).to_have_count(10)
    await expect(again.locator(".card", has_text="lagoon")).to_have_count(0)

    await removed.get_by_role("button", name="Undo").click()
    back = page.locator(".turn.theirs").nth(5)
    await expect(back.locator("h2")).to_have_text("Back in “gallery”")
    await expect(back.locator(".card img")).to_have_js_property("naturalWidth", 64)
    await expect(page.locator("#summary")).to_have_text("62 pictures")
    assert list(parts.contributions.uploads) == ["v0000000"]


async def test_a_similar_picture_is_added_anyway(open_page: Open, parts: Parts) -> None:
    """The page still has the photo, and sends it with the button."""
    page = await open_page(talking=True)
    await say(page, "/add a pink lagoon", PINK)
    near = await say(page, "/add the same again", PINK + b"\0")
    await expect(near.locator("h2")).to_contain_text("nearly the same")
    await near.get_by_role("button", name="Add anyway").click()
    added = page.locator(".turn.theirs").nth(2)
    await expect(added.locator(".caption")).to_have_text("the same again")
    await added.get_by_role("button", name="Undo").click()
    undone = page.locator(".turn.theirs").nth(3)
    await expect(undone).to_contain_text("Removed from “gallery”: the same again")
    assert list(parts.contributions.removed) == ["v0000001"]


async def test_settings_are_turned_over_in_place(open_page: Open, parts: Parts) -> None:
    """A press changes the row above it, and the keyboard stays where it was."""
    page = await open_page(talking=True)
    settings = await say(page, "/settings")
    weak = settings.locator("dd").first
    await expect(weak).to_have_text("shown when asked for")
    await settings.get_by_role("button", name="Show weak matches").press("Enter")
    await expect(weak).to_have_text("shown at once")
    await expect(settings.get_by_role("button", name="Hide weak matches")).to_be_focused()
    await expect(page.locator(".turn.theirs")).to_have_count(1)
    await expect(page.locator(".turn.mine")).to_have_count(1)
    assert parts.settings.of("web").show_weak
    shown = await say(page, "zebra crossing")
    await expect(shown.locator(".card")).to_have_count(5)


async def test_a_setting_that_cannot_be_kept_is_told(open_page: Open, parts: Parts) -> None:
    """The settings stay as they are, with the reason below."""
    page = await open_page(talking=True)
    settings = await say(page, "/settings")
    parts.settings.error = RuntimeError("a defect")
    for _ in range(2):
        await settings.get_by_role("button", name="Show weak matches").click()
        await expect(settings.locator(".problem")).to_have_count(1)
        await expect(settings.locator("dd").first).to_have_text("shown when asked for")
    parts.settings.error = None
    await settings.get_by_role("button", name="Show weak matches").click()
    await expect(settings.locator("dd").first).to_have_text("shown at once")
    await expect(settings.locator(".problem")).to_have_count(0)


async def test_ones_data_is_downloaded(open_page: Open) -> None:
    """The export is a link to a file that holds the pictures that one has added."""
    page = await open_page(talking=True)
    await say(page, "/add a pink lagoon", PINK)
    export = await say(page, "/privacy export")
    link = export.get_by_role("link")
    await expect(link).to_contain_text("tangerine-data.zip")
    async with page.expect_download() as waiting:
        await link.click()
    download = await waiting.value
    assert download.suggested_filename == "tangerine-data.zip"
    with zipfile.ZipFile(await download.path()) as archive:
        assert archive.read("pictures/v0000000.png") == PINK
        assert json.loads(archive.read("data.json"))["uploads"][0]["caption"] == "a pink lagoon"
    deleted = await say(page, "/privacy delete")
    await expect(deleted.locator("h2")).to_have_text("Deleted for good")
    await expect(deleted.locator("dd").first).to_have_text("1")
