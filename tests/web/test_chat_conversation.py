"""The conversation in a real browser: asking, paging, photos, progress."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from core.limits import Quota
from core.types import Progress
from tests.fakes import COLOURS, picture_bytes
from tests.web.conftest import Open
from tests.web.parts import GALLERY, Parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

RED = picture_bytes("red", seed=77, edge=64)

HERE = Path(__file__).parent
MIDDLE = (HERE / "middle.js").read_text()
GIVE = (HERE / "give.js").read_text()


async def say(page: Page, text: str) -> None:
    """Write a message and send it."""
    await page.fill("#message", text)
    await page.keyboard.press("Enter")


async def give(page: Page, kind: str, data: bytes = RED, media_type: str = "image/png") -> None:
    """Drag, drop or paste a file."""
    await page.evaluate(GIVE, [kind, base64.b64encode(data).decode(), "photo.png", media_type])


async def expect_cards(page: Page, turn: int, colour: str, count: int = 5) -> None:
    """The reply of this number shows so many drawn pictures, the first one in this colour."""
    images = page.locator(".turn.theirs").nth(turn).locator(".card img")
    await expect(images).to_have_count(count)
    for index in range(count):
        image = images.nth(index)
        await image.scroll_into_view_if_needed()
        await expect(image).to_have_js_property("naturalWidth", 48)
    drawn = await images.first.evaluate(MIDDLE)
    assert all(abs(a - b) < 40 for a, b in zip(drawn, COLOURS[colour], strict=True))


async def test_a_question_is_answered_with_cards(open_page: Open) -> None:
    """Five pictures are drawn with number, caption, score, band and what was found."""
    page = await open_page()
    await say(page, "/find orange fruits")
    await expect_cards(page, 0, "orange")
    card = page.locator(".card").first
    await expect(card.locator(".number")).to_have_text("1")
    await expect(card.locator(".caption")).to_contain_text("orange")
    await expect(card.locator(".score")).to_have_text("1.00 · strong")
    await expect(page.locator(".turn.mine .bubble")).to_have_text("/find orange fruits")
    await expect(page.locator("#hello")).to_be_hidden()


async def test_next_more_like_and_show_anyway(open_page: Open) -> None:
    """Buttons lead on: the next page, pictures like one, weak matches."""
    page = await open_page()
    await say(page, "red")
    await expect_cards(page, 0, "red")
    await page.get_by_role("button", name="Next 5").click()
    await expect(page.locator(".turn.theirs").nth(1).locator(".number").first).to_have_text("6")
    await page.locator(".turn.theirs").nth(0).get_by_text("More like this").nth(1).click()
    await expect_cards(page, 2, "red")
    await expect(page.locator(".turn.theirs").nth(2).locator("h2")).to_contain_text(
        "More like “red"
    )
    await say(page, "zebra crossing")
    await expect(page.locator(".turn.theirs").nth(3)).to_contain_text("No close match")
    await page.get_by_role("button", name="Show anyway").click()
    await expect(page.locator(".turn.theirs").nth(4).locator(".card")).to_have_count(5)


@pytest.mark.parametrize("kind", ["drop", "paste"])
async def test_a_photo_finds_similar_ones(open_page: Open, kind: str) -> None:
    """A dropped or pasted photo is answered at once, and its pages know it still."""
    page = await open_page()
    await give(page, kind)
    await expect_cards(page, 0, "red")
    await expect(page.locator(".turn.mine img")).to_have_count(1)
    await page.get_by_role("button", name="Next 5").click()
    await expect(page.locator(".turn.theirs").nth(1).locator(".number").first).to_have_text("6")


async def test_a_photo_beside_words_waits_for_them(open_page: Open) -> None:
    """While something is being written, a photo is attached, and can be taken off again."""
    page = await open_page()
    await page.fill("#message", "/classify blue, red")
    await page.set_input_files("#file", {"name": "p.png", "mimeType": "image/png", "buffer": RED})
    await page.get_by_role("button", name="Remove the photo p.png").click()
    await expect(page.locator("#photos")).to_be_hidden()
    await give(page, "paste")
    await page.get_by_role("button", name="Send").click()
    labels = page.locator(".labels li span:first-child")
    await expect(labels).to_have_text(["red", "blue"])


async def test_dragging_shows_where_to_drop(open_page: Open) -> None:
    """While a file is over the page, the page says what will happen."""
    page = await open_page()
    await give(page, "dragenter")
    await expect(page.locator("#drop")).to_be_visible()
    await give(page, "dragleave")
    await expect(page.locator("#drop")).to_be_hidden()


async def test_what_is_no_photo_is_told(open_page: Open) -> None:
    """A wrong file is refused by the page, a broken one by the server, both in words."""
    page = await open_page()
    await give(page, "drop", b"text", "text/plain")
    await expect(page.locator(".turn .problem")).to_contain_text("That is no picture")
    await give(page, "drop", RED[:60])
    await expect(page.locator(".turn .problem").nth(1)).to_contain_text("damaged")


async def test_markup_in_questions_and_captions_stays_text(open_page: Open, tmp_path: Path) -> None:
    """Nothing that people write becomes part of the page."""
    attack = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    captions = [*GALLERY, ("cyan", f"{attack} cyan teapot")]
    page = await open_page(chat=Parts(tmp_path, captions=captions))
    await say(page, f"{attack} cyan")
    await expect(page.locator(".turn.mine .bubble")).to_have_text(f"{attack} cyan")
    await say(page, "cyan teapot")
    cards = page.locator(".turn.theirs").nth(1).locator(".card")
    await expect(cards.filter(has_text="<script>")).to_have_count(1)
    assert await page.title() == "Tangerine"
    assert await page.locator("#log script, #log img[src=x]").count() == 0


async def test_a_reindex_shows_its_progress(open_page: Open, parts: Parts) -> None:
    """Header and reply tell how far it is; the reply ends as its summary."""
    page = await open_page()
    await say(page, "/reindex")
    await expect(page.locator("#work")).to_be_visible()
    parts.reindexing.step(Progress("encode", 25, 100))
    await expect(page.locator("#work-text")).to_contain_text("25 of 100 pictures (25%)")
    await expect(page.locator(".turn.theirs progress")).to_have_js_property("value", 25)
    await say(page, "/reindex")
    await expect(page.locator(".turn.theirs").nth(1)).to_contain_text("already being indexed: 25%")
    parts.reindexing.finish.set()
    await expect(page.locator(".turn.theirs").first).to_contain_text("2 added, 1 changed")
    await expect(page.locator("#work")).to_be_hidden()


async def test_a_short_quota_is_waited_for(open_page: Open, tmp_path: Path) -> None:
    """Asking again within the pause is answered after it, not refused."""
    pauses = Quota(cooldown_s={"text": 1.0, "picture": 1.0})
    chat = Parts(tmp_path, quota=pauses, admin_quota=pauses)
    page = await open_page(chat=chat)
    await say(page, "red")
    await expect_cards(page, 0, "red")
    await say(page, "blue")
    await expect(page.locator(".pending")).to_contain_text("One moment")
    chat.clock.advance(2)
    await expect_cards(page, 1, "blue")


async def test_a_server_that_is_gone_is_told(open_page: Open) -> None:
    """Without an answer the page says so and offers to try again."""
    page = await open_page(complaints_expected=True)
    await page.route("**/api/chat", lambda route: route.abort())
    await say(page, "red")
    await expect(page.locator(".turn .problem")).to_contain_text("does not answer")
    await page.unroute("**/api/chat")
    await page.get_by_role("button", name="Try again").click()
    await expect_cards(page, 1, "red")


async def test_the_token_is_asked_for_once(open_page: Open) -> None:
    """A protected chat asks for its token; then pictures come too, also after a reload."""
    page = await open_page(token="a-good-long-token", complaints_expected=True)
    await page.get_by_label("Token").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.locator("#login-error")).to_contain_text("wrong")
    await page.get_by_label("Token").fill("a-good-long-token")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#examples button")
    await page.reload()
    await page.wait_for_selector("#examples button")
    await say(page, "green")
    await expect_cards(page, 0, "green")
    assert await page.evaluate("document.cookie + JSON.stringify({...sessionStorage})") == "{}"
