"""The conversation in a real browser: asking, paging, photos, progress."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from core.domain.rate_limits import Quota
from core.domain.types import Progress
from tests.fakes import COLOURS
from tests.web.conftest import Open
from tests.web.pages import MIDDLE, attach, give, say, take_off, talk
from tests.web.parts import GALLERY, Parts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


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
    page = await open_page(talking=True)
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
    page = await open_page(talking=True)
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
    """A dropped or pasted photo is sent with Enter, and the pages of its answer know it still."""
    page = await open_page(talking=True)
    await give(page, kind)
    await expect(page.locator("#message-chip img")).to_have_count(1)
    await page.locator("#message").press("Enter")
    await expect_cards(page, 0, "red")
    await expect(page.locator(".turn.mine img")).to_have_count(1)
    await page.get_by_role("button", name="Next 5").click()
    await expect(page.locator(".turn.theirs").nth(1).locator(".number").first).to_have_text("6")


async def test_a_photo_stays_until_it_is_taken_off(open_page: Open) -> None:
    """One photo serves one command after the other, and words change it."""
    page = await open_page(talking=True)
    await attach(page)
    first = await say(page, "/classify blue, red")
    await expect(first.locator(".labels li span:first-child")).to_have_text(["red", "blue"])
    second = await say(page, "/describe")
    await expect(second.locator(".captions li").first).to_contain_text("red")
    third = await say(page, "/find bicycle")
    await expect(third.locator("h2")).to_contain_text("mixed with “bicycle”")
    await take_off(page)
    fourth = await say(page, "/describe")
    await expect(fourth.locator(".problem")).to_contain_text("needs a picture")


async def test_a_cut_out_photo_stands_on_white(open_page: Open) -> None:
    """What is transparent in a photo is as white in the conversation as among the pictures."""
    out = io.BytesIO()
    Image.new("RGBA", (64, 64)).save(out, "PNG")
    page = await open_page(talking=True)
    await attach(page, out.getvalue())
    await say(page, "/describe")
    sent = page.locator(".turn.mine img")
    await expect(sent).to_have_js_property("complete", value=True)
    assert min(await sent.evaluate(MIDDLE)) > 250


async def test_dragging_shows_where_to_drop(open_page: Open) -> None:
    """While a file is over the page, the page says what will happen."""
    page = await open_page()
    await give(page, "dragenter")
    await expect(page.locator("#drop")).to_be_visible()
    await give(page, "dragleave")
    await expect(page.locator("#drop")).to_be_hidden()


async def test_markup_in_questions_and_captions_stays_text(open_page: Open, tmp_path: Path) -> None:
    """Nothing that people write becomes part of the page."""
    attack = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    captions = [*GALLERY, ("cyan", f"{attack} cyan teapot")]
    page = await open_page(talking=True, chat=Parts(tmp_path, captions=captions))
    await say(page, f"{attack} cyan")
    await expect(page.locator(".turn.mine .bubble")).to_have_text(f"{attack} cyan")
    await say(page, "cyan teapot")
    cards = page.locator(".turn.theirs").nth(1).locator(".card")
    await expect(cards.filter(has_text="<script>")).to_have_count(1)
    assert await page.title() == "Tangerine"
    assert await page.locator("#log script, #log img[src=x]").count() == 0


async def test_a_reindex_shows_its_progress(open_page: Open, parts: Parts) -> None:
    """Header and reply tell how far it is; the reply ends as its summary."""
    page = await open_page(talking=True)
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
    page = await open_page(talking=True, chat=chat)
    await say(page, "red")
    await expect_cards(page, 0, "red")
    await say(page, "blue")
    await expect(page.locator(".pending")).to_contain_text("One moment")
    chat.clock.advance(2)
    await expect_cards(page, 1, "blue")


async def test_a_server_that_is_gone_is_told(open_page: Open) -> None:
    """Without an answer the page says so and offers to try again."""
    page = await open_page(talking=True, complaints_expected=True)
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
    await page.wait_for_selector("#grid a.come")
    await page.reload()
    await page.wait_for_selector("#grid a.come")
    await talk(page)
    await say(page, "green")
    await expect_cards(page, 0, "green")
    kept = "document.cookie + JSON.stringify({...sessionStorage, ...localStorage})"
    assert "a-good-long-token" not in await page.evaluate(kept)
    assert await page.evaluate("document.cookie") == ""


async def test_the_answer_is_never_hidden(open_page: Open) -> None:
    """From the second question on, too: question and answer stand in view, above the field."""
    for viewport in ({"width": 1280, "height": 800}, {"width": 390, "height": 844}):
        page = await open_page(talking=True, viewport=viewport)
        for text in ("red", "blue", "green", "/status", "orange"):
            reply = await say(page, text)
            await expect(reply).not_to_have_attribute("aria-busy", "true")
            field = await page.locator("#composer").bounding_box()
            assert field is not None
            for part in (page.locator(".turn.mine").last, reply.locator(":scope > *").first):
                box = await part.bounding_box()
                assert box is not None
                assert 0 < box["y"] < box["y"] + box["height"] <= field["y"], text
        picture = page.locator(".turn.theirs").last.locator(".card-picture").first
        box = await picture.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= field["y"]
        # What lies at the middle of the first picture is that picture, nothing over it.
        assert await picture.evaluate("""node => {
          const box = node.getBoundingClientRect();
          return node.contains(document.elementFromPoint(
            box.x + box.width / 2, box.y + box.height / 2));
        }""")


async def test_the_conversation_survives_a_reload(open_page: Open) -> None:
    """What was asked and answered is there again, its buttons too, until it is thrown away."""
    page = await open_page(talking=True)
    await attach(page)
    await expect((await say(page, "/classify blue, red")).locator(".labels")).to_be_visible()
    await take_off(page)
    await expect((await say(page, "red")).locator(".card")).to_have_count(5)
    await page.reload()
    await talk(page)
    await expect(page.locator(".turn.mine .bubble")).to_have_text(["/classify blue, red", "red"])
    await expect(page.locator(".turn.mine img")).to_have_js_property("naturalWidth", 64)
    await page.get_by_role("button", name="Next 5").click()
    await expect(page.locator(".turn.theirs").nth(2).locator(".number").first).to_have_text("6")
    await page.get_by_role("button", name="Begin a new conversation").click()
    await expect(page.locator(".turn")).to_have_count(0)
    await page.reload()
    await talk(page)
    await expect(page.locator("#hello")).to_be_visible()
    await expect(page.locator(".turn")).to_have_count(0)
