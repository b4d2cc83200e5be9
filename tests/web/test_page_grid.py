"""The collection as a grid: laid out, scrolled, ranked by a question, and brought back."""

from __future__ import annotations

import asyncio
import itertools
import re
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from PIL import Image
from playwright.async_api import Locator, Page, expect

from core.domain.errors import BeingIndexed
from core.domain.rate_limits import Quota
from core.domain.types import Progress
from tests.fakes import COLOURS
from tests.moving import video
from tests.web.conftest import Open
from tests.web.pages import MIDDLE, RED, attach, give, search
from tests.web.parts import GALLERY, Parts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

MANY = tuple((("red", "blue")[n % 2], f"number {n}") for n in range(450))

ROWS = """() => {
  const tops = new Map();
  for (const item of document.querySelectorAll('#grid li[aria-posinset]')) {
    const box = item.getBoundingClientRect();
    const row = tops.get(Math.round(box.top)) ?? [];
    row.push([box.left, box.right, box.height]);
    tops.set(Math.round(box.top), row);
  }
  return [...tops.entries()].sort((a, b) => a[0] - b[0])
    .map(([, row]) => row.sort((a, b) => a[0] - b[0]));
}"""
"""Left and right edges and height of each tile, row after row."""

ALL_WITHIN = """() => {
  const tiles = [...document.querySelectorAll('#grid li[aria-posinset]')];
  const right = document.querySelector('#grid').getBoundingClientRect().right;
  return tiles.length && tiles.every((n) => n.getBoundingClientRect().right < right + 1);
}"""
"""Whether the rows are laid out for the window's width, which follows a change a frame later."""


def tile(page: Page, number: int) -> Locator:
    """The picture at a place, from 1."""
    return page.locator(f"#grid li[aria-posinset='{number}'] a")


def begins(text: str) -> re.Pattern[str]:
    """What begins so."""
    return re.compile(f"^{re.escape(text)}")


async def test_the_first_screen_is_the_collection(open_page: Open) -> None:
    """Rows fill the width from edge to edge, without gaps or overlaps, the newest first."""
    page = await open_page()
    await expect(page.locator("#summary")).to_have_text("61 pictures")
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.wait_for_function(ALL_WITHIN)
        rows = (await page.evaluate(ROWS))[:3]
        wide = await page.locator("#grid").evaluate(
            "n => [n.getBoundingClientRect().left, n.clientWidth]"
        )
        for row in rows:
            assert abs(row[0][0] - wide[0]) < 1
            assert abs(row[-1][1] - wide[0] - wide[1]) < 1
            assert len({round(height) for _, _, height in row}) == 1
            for (_, right, _), (left, _, _) in itertools.pairwise(row):
                assert 1 < left - right < 5
    image = tile(page, 1).locator("img")
    await expect(tile(page, 1)).to_have_class(re.compile("come"))
    await expect(tile(page, 1)).to_have_css("background-image", re.compile("data:image/webp"))
    assert "edge=240 240w" in (await image.get_attribute("srcset") or "")
    assert (await image.get_attribute("sizes") or "").endswith("px")


async def test_a_long_collection_is_there_as_one_scrolls(open_page: Open, tmp_path: Path) -> None:
    """Pages follow to the end; the document holds the tiles near the window alone."""
    page = await open_page(chat=Parts(tmp_path, captions=MANY))
    for _ in range(200):
        await page.mouse.wheel(0, 2500)
        if await tile(page, 450).count():
            break
        await asyncio.sleep(0.02)
    await expect(tile(page, 450)).to_be_visible()
    assert await page.locator("#grid li").count() < 150
    await expect(tile(page, 450)).to_have_class(re.compile("come"))
    await page.keyboard.press("Home")
    await expect(tile(page, 1)).to_be_visible()


async def test_a_question_ranks_the_grid(open_page: Open) -> None:
    """All pictures come in order, with scores; a line ends the close ones; words come on focus."""
    page = await open_page()
    await search(page, "orange fruits")
    first = tile(page, 1)
    await expect(first.locator(".tile-score")).to_have_text("1.00")
    await expect(first.locator(".tile-caption")).to_have_text("orange fruits")
    await expect(first.locator(".tile-about")).to_have_css("opacity", "0")
    await first.focus()
    await expect(first.locator(".tile-about")).to_have_css("opacity", "1")
    await expect(first.locator(".tile-words")).to_have_text("close match")
    drawn = await first.locator("img").evaluate(MIDDLE)
    assert all(abs(a - b) < 40 for a, b in zip(drawn, COLOURS["orange"], strict=True))
    close = int((await page.locator("#answer").inner_text()).split()[-1])
    await page.locator(".grid-line").scroll_into_view_if_needed()
    await expect(page.locator(".grid-line")).to_have_text("Less likely from here")
    line = await page.locator(".grid-line").bounding_box()
    last = await tile(page, close).bounding_box()
    after = await tile(page, close + 1).bounding_box()
    assert line is not None and last is not None and after is not None  # noqa: PT018 - for mypy
    assert last["y"] < line["y"] < after["y"]
    await page.keyboard.press("End")
    await expect(tile(page, 61)).to_be_attached()


async def test_the_keyboard_of_a_phone_goes_away(open_page: Open) -> None:
    """What was found is not covered by it; with a real keyboard one goes on typing."""
    for touch in (True, False):
        page = await open_page(
            viewport={"width": 390, "height": 844}, has_touch=touch, is_mobile=touch
        )
        await search(page, "red")
        if touch:
            await expect(page.locator("#query")).not_to_be_focused()
        else:
            await expect(page.locator("#query")).to_be_focused()


async def test_nothing_close_is_told_and_shown(open_page: Open) -> None:
    """Where no picture is a close match, the page says so, and the nearest stand below."""
    page = await open_page()
    await search(page, "zebra crossing")
    await expect(page.locator("#answer")).to_have_text("No close match. These come nearest:")
    await expect(tile(page, 1)).to_be_visible()
    await expect(page.locator(".grid-line")).to_have_count(0)


async def test_the_collection_comes_back_where_one_was(open_page: Open, tmp_path: Path) -> None:
    """After a question, by Esc and by the browser's back; after a reload, too."""
    page = await open_page(chat=Parts(tmp_path, captions=MANY))
    await page.mouse.wheel(0, 1500)
    await page.wait_for_function("() => scrollY > 1400")
    place = await page.evaluate("scrollY")
    for back in ("Escape", "back"):
        await search(page, "red")
        assert await page.evaluate("scrollY") == 0
        if back == "back":
            await page.go_back()
        else:
            await page.locator("#query").press(back)
        await expect(page.locator("#back")).to_be_hidden()
        await expect(page.locator("#query")).to_have_value("")
        await page.wait_for_function("y => Math.abs(scrollY - y) < 2", arg=place)
    await page.reload()
    await page.wait_for_function("y => Math.abs(scrollY - y) < 2", arg=place)


async def test_a_question_has_an_address(open_page: Open) -> None:
    """It survives a reload, back and forward, and an idea is asked as it is written."""
    page = await open_page(path="/?q=red%20bicycle")
    await expect(page.locator("#query")).to_have_value("red bicycle")
    await expect(tile(page, 1)).to_have_accessible_name(begins("red bicycle"))
    await page.reload()
    await expect(page.locator("#query")).to_have_value("red bicycle")
    await page.locator("#back").click()
    idea = page.locator("#topics button").first
    text = await idea.inner_text()
    assert not text.startswith("/")
    await idea.click()
    await expect(page.locator("#query")).to_have_value(text)
    assert parse_qs(urlsplit(page.url).query) == {"q": [text]}
    await page.go_back()
    await page.go_back()
    await expect(page.locator("#query")).to_have_value("red bicycle")
    await page.go_forward()
    await expect(page.locator("#query")).to_have_value("")


@pytest.mark.parametrize("kind", ["drop", "paste"])
async def test_a_photo_waits_in_the_bar(open_page: Open, kind: str) -> None:
    """Enter searches it, words refine it, a command uses it, its button takes it off."""
    page = await open_page()
    await give(page, kind)
    await expect(page.locator("#query-chip img")).to_have_js_property("naturalWidth", 64)
    await expect(page.locator("#answer")).to_be_empty()
    await tile(page, 1).click()
    await page.keyboard.press("Escape")
    await expect(page.locator("#viewer")).to_be_hidden()
    await page.locator("#query").press("Enter")
    await expect(tile(page, 1)).to_have_accessible_name(begins("red"))
    names = "#grid li[aria-posinset] .tile-caption"
    alone = await page.locator(names).all_inner_texts()
    await search(page, "bicycle")
    await expect(tile(page, 1)).to_have_accessible_name(begins("red"))
    assert await page.locator(names).all_inner_texts() != alone
    await page.fill("#query", "/classify blue, red")
    await page.locator("#query").press("Enter")
    await expect(page.locator(".labels li span:first-child")).to_have_text(["red", "blue"])
    await page.keyboard.press("Escape")
    await page.fill("#query", "")
    await page.locator("#query-chip button").click()
    await expect(page.locator("#query-chip")).to_be_hidden()
    await expect(page.locator("#back")).to_be_hidden()


async def test_a_video_waits_in_the_bar(open_page: Open) -> None:
    """It is sent as a photo is, and the conversation shows its first picture."""
    page = await open_page(complaints_expected=True)
    clip = video([Image.new("RGB", (64, 48), "red")] * 4, "webm", "libvpx-vp9", silent=True)
    await give(page, "drop", clip, "video/webm", "clip.webm")
    await expect(page.locator("#query-chip video")).to_have_js_property("videoWidth", 64)
    await page.fill("#query", "/describe")
    await page.locator("#query").press("Enter")
    await expect(page.locator(".turn.theirs")).not_to_have_attribute("aria-busy", "true")
    await expect(page.locator(".turn.theirs")).not_to_contain_text("needs a picture")
    await expect(page.locator(".turn.mine img")).to_have_js_property("naturalWidth", 64)


async def test_what_is_no_photo_is_told(open_page: Open) -> None:
    """A wrong file is refused by the page, a broken one by the server, both in words."""
    page = await open_page(complaints_expected=True)
    await give(page, "drop", b"text", "text/plain")
    await expect(page.locator("#notice")).to_contain_text("That is no picture")
    await attach(page, RED[:60])
    await page.locator("#query").press("Enter")
    await expect(page.locator("#notice")).to_contain_text("damaged")


async def test_a_server_that_is_gone_is_told(open_page: Open) -> None:
    """Without an answer the page says so and offers to try again."""
    page = await open_page(complaints_expected=True)
    await page.route("**/api/find*", lambda route: route.abort())
    await page.fill("#query", "red")
    await page.locator("#query").press("Enter")
    await expect(page.locator("#notice")).to_contain_text("does not answer")
    await page.unroute("**/api/find*")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#answer")).to_contain_text("Close matches")
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_picture_whose_file_is_gone_is_a_calm_tile(open_page: Open, parts: Parts) -> None:
    """No broken image: a tile with words, in the viewer with what to do about it."""
    gone = max(parts.library.files)
    parts.library.files[gone].unlink()
    page = await open_page(complaints_expected=True)
    link = page.locator(f"a[href='/p/{gone}']")
    await expect(link.locator(".tile-gone")).to_have_text("This picture cannot be shown.")
    await expect(link.locator("img")).to_be_hidden()
    await link.click()
    await expect(page.locator("#viewer-gone")).to_contain_text("/reindex looks for it again")


async def test_pictures_come_while_they_are_indexed(open_page: Open, parts: Parts) -> None:
    """A slim bar tells how far it is; what was added meanwhile stands there without a reload."""
    page = await open_page()
    reindex = asyncio.create_task(parts.reindexing.reindex("gallery"))
    await asyncio.sleep(0)
    parts.reindexing.step(Progress("encode", 25, 100))
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator("#work-text")).to_contain_text("25")
    assert (await page.locator("#work-bar").bounding_box() or {})["height"] <= 6
    # The count does not wait for the ideas above the pictures, which take long at first.
    await page.route("**/api/welcome", lambda _: None)
    await page.evaluate("document.querySelector('#summary').textContent = '0 pictures'")
    await expect(page.locator("#summary")).to_have_text("61 pictures")
    await page.unroute("**/api/welcome")
    parts.reindexing.finish.set()
    await reindex
    await expect(page.locator("#work")).to_be_hidden()
    await expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/?q=red"])
async def test_who_comes_too_early_need_not_ask_again(
    open_page: Open, parts: Parts, path: str
) -> None:
    """Before the first picture is indexed the page says so; the answer comes once there is one."""
    page = await open_page(complaints_expected=True)
    parts.library.refusal = BeingIndexed(
        "Indexing has begun: 0 of {total} pictures so far.", total=785
    )
    reindex = asyncio.create_task(parts.reindexing.reindex("gallery"))
    await page.goto(urljoin(page.url, path))
    await expect(page.locator("#notice")).to_contain_text("The first pictures are on their way")
    parts.library.refusal = None
    await expect(tile(page, 1)).to_be_visible()
    await expect(page.locator("#notice")).to_be_hidden()
    parts.reindexing.finish.set()
    await reindex


async def test_an_answer_from_a_part_is_renewed(open_page: Open, parts: Parts) -> None:
    """What was asked during the first indexing says how much was searched, until all is."""
    parts.library.expecting = 785
    page = await open_page()
    reindex = asyncio.create_task(parts.reindexing.reindex("gallery"))
    await asyncio.sleep(0)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator("#work")).to_be_visible()
    await search(page, "red")
    await expect(page.locator("#answer")).to_contain_text("61 of 785 pictures so far")
    parts.library.expecting = None
    parts.reindexing.finish.set()
    await reindex
    await expect(page.locator("#answer")).to_have_text(re.compile("^Close matches: \\d+$"))


async def test_an_address_that_is_no_text_names_no_picture(open_page: Open) -> None:
    """The collection is there, and the page says that there is no such picture."""
    page = await open_page(path="/p/%E0%A4", complaints_expected=True)
    await expect(page.locator("#notice, dialog[open]").first).to_be_visible()


async def test_a_short_quota_is_waited_for(open_page: Open, tmp_path: Path) -> None:
    """Asking again within the pause is answered after it, not refused."""
    pauses = Quota(cooldown_s={"text": 1.0, "picture": 1.0})
    chat = Parts(tmp_path, quota=pauses, admin_quota=pauses)
    page = await open_page(chat=chat, complaints_expected=True)
    await search(page, "red")
    await page.fill("#query", "blue")
    await page.locator("#query").press("Enter")
    await expect(page.locator("#answer")).to_contain_text("One moment")
    chat.clock.advance(2)
    await expect(tile(page, 1)).to_have_accessible_name(begins("blue"))


async def test_markup_in_captions_stays_text(open_page: Open, tmp_path: Path) -> None:
    """Nothing that people write becomes part of the page."""
    attack = '<img src=x onerror="document.title=1">'
    captions = [*GALLERY, ("cyan", f"{attack} teapot")]
    page = await open_page(chat=Parts(tmp_path, captions=captions))
    await search(page, f"{attack} teapot")
    await tile(page, 1).click()
    await expect(page.locator("#viewer-caption")).to_contain_text("<img")
    assert await page.locator("img[src=x]").count() == 0
