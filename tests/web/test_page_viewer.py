"""One picture in the window: opened, leafed, enlarged, searched from, and its address."""

from __future__ import annotations

import io
import re
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.async_api import Page, Route, expect

from core.images.formats import reads_videos
from tests.moving import video
from tests.web.conftest import Open
from tests.web.pages import search, talk
from tests.web.parts import Parts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SCALE = "n => new DOMMatrix(getComputedStyle(n).transform).a"
PLAYS = "() => document.querySelector('#viewer-stage video')?.currentTime > 0"
PLACE = "n => { const m = new DOMMatrix(getComputedStyle(n).transform); return [m.e, m.f]; }"


async def opened(page: Page, number: int = 1) -> str:
    """Open a picture by its place; its caption."""
    await page.locator(f"#grid li[aria-posinset='{number}'] a").click()
    await expect(page.locator("#viewer")).to_be_visible()
    return await page.locator("#viewer-caption").inner_text()


async def test_a_picture_shows_all_about_itself(open_page: Open) -> None:
    """Score with its words, captions, file, size and date; it is kept under its own name."""
    page = await open_page()
    await search(page, "green")
    await opened(page, 3)
    await expect(page.locator("#viewer-picture")).to_have_attribute(
        "src", re.compile(r"/pictures/p\d+$")
    )
    facts = page.locator("#viewer-facts")
    await expect(facts.locator(".fact-score")).to_contain_text("match")
    await expect(facts.locator(".fact-captions")).to_contain_text("green")
    await expect(facts.locator(".fact-file")).not_to_be_empty()
    await expect(facts.locator(".fact-size")).to_contain_text(" · ")
    for _ in range(2):
        await page.keyboard.press("i")
    await expect(facts).to_be_visible()
    async with page.expect_download() as waiting:
        await page.locator("#viewer-download").click()
    assert (await waiting.value).suggested_filename.endswith(".png")


async def test_what_the_grid_shows_stands_in_for_what_has_not_come(open_page: Open) -> None:
    """On a slow line no empty ground is looked at; behind what has come lies nothing."""
    page = await open_page()
    await search(page, "green")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    await page.route(re.compile(r"edge=960|/pictures/p\d+$"), hold)
    await opened(page, 3)
    picture = page.locator("#viewer-picture")
    await expect(picture).to_have_css(
        "background-image", re.compile(r"^url\(.*thumbnail\?edge=\d+")
    )
    with Image.open(io.BytesIO(await picture.screenshot())) as image:
        red, green, blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert green > max(red, blue) + 40
    for each in held:
        await each.continue_()
    await expect(picture).to_have_css("background-image", "none")


async def test_a_picture_has_an_address(open_page: Open) -> None:
    """It survives a reload; back closes it, forward opens it; leafing makes no steps of its own."""
    page = await open_page()
    await search(page, "red")
    caption = await opened(page)
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#viewer-caption")).not_to_have_text(caption)
    second = await page.locator("#viewer-caption").inner_text()
    assert re.fullmatch(r"/p/p\d+\?q=red", page.url.removeprefix(_origin(page)))
    await page.reload()
    await expect(page.locator("#viewer-caption")).to_have_text(second)
    # Its neighbours are known again once the answer has come.
    await expect(page.locator("#viewer-previous")).to_be_enabled()
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("#viewer-caption")).to_have_text(caption)
    await page.go_back()
    await expect(page.locator("#viewer")).to_be_hidden()
    assert page.url == f"{_origin(page)}/?q=red"
    await page.go_forward()
    await expect(page.locator("#viewer-caption")).to_have_text(caption)
    await page.keyboard.press("Escape")
    await expect(page.locator("#viewer")).to_be_hidden()
    await page.wait_for_url("**/?q=red")


async def test_an_address_of_a_picture_opens_it_alone(open_page: Open, parts: Parts) -> None:
    """Over the collection, whose address is left once it is closed; an unknown one is told."""
    known = parts.snapshot.pictures[0].id
    page = await open_page(path=f"/p/{known}", complaints_expected=True)
    await expect(page.locator("#viewer")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#viewer")).to_be_hidden()
    await page.wait_for_url(re.compile(r":\d+/$"))
    await page.goto(f"{_origin(page)}/p/nothing0")
    await expect(page.locator("#notice")).to_contain_text("not here any more")


@pytest.mark.skipif(not reads_videos(), reason="the extra video is not installed")
async def test_a_video_that_was_opened_by_its_address_plays(open_page: Open, parts: Parts) -> None:
    """No answer told of it: its details do. A picture has no Play."""
    first, second = (each.id for each in parts.snapshot.pictures[:2])
    frames = [Image.new("RGB", (96, 96), colour) for colour in ("red", "blue")] * 20
    parts.library.files[first].write_bytes(video(frames, "webm", "libvpx"))
    page = await open_page(path=f"/p/{first}", complaints_expected=True)
    play = page.locator("#viewer-play")
    await play.click()
    await page.wait_for_function(PLAYS)
    await expect(play).to_be_hidden()
    await page.goto(f"{_origin(page)}/p/{second}")
    await expect(page.locator("#viewer-facts .fact-file")).not_to_be_empty()
    await expect(play).to_be_hidden()
    await expect(page.locator("#viewer-stage video")).to_have_count(0)


async def test_a_picture_is_enlarged_and_moved(open_page: Open) -> None:
    """By keys, wheel, double click and drag; at its own size arrows leaf again."""
    page = await open_page()
    await search(page, "red")
    await opened(page)
    picture = page.locator("#viewer-picture")
    await page.keyboard.press("+")
    assert await picture.evaluate(SCALE) == pytest.approx(1.6)
    await page.keyboard.press("0")
    assert await picture.evaluate(SCALE) == 1
    box = await page.locator("#viewer-stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.wheel(0, -400)
    assert await picture.evaluate(SCALE) > 1.5
    await page.mouse.dblclick(x, y)
    assert await picture.evaluate(SCALE) == 1
    await page.mouse.dblclick(x, y)
    assert await picture.evaluate(SCALE) == pytest.approx(2.5)
    for _ in range(5):
        await page.keyboard.press("+")
    assert await picture.evaluate(SCALE) == 8
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + 90, y + 50, steps=3)
    await page.mouse.up()
    assert await picture.evaluate(PLACE) == pytest.approx([90, 50])
    caption = await page.locator("#viewer-caption").inner_text()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#viewer-caption")).to_have_text(caption)
    assert (await picture.evaluate(PLACE))[0] == pytest.approx(-30)
    for _ in range(5):
        await page.locator("#viewer-out").click()
    await expect(page.locator("#viewer-out")).to_be_disabled()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#viewer-caption")).not_to_have_text(caption)


_TOUCH = """async ([stage, moves]) => {
  const send = (type, [id, x, y]) => stage.dispatchEvent(new PointerEvent(type, {
    pointerId: id, clientX: x, clientY: y, bubbles: true, isPrimary: id === 1, pointerType: 'touch',
  }));
  stage.setPointerCapture = () => {};
  for (const [type, ...where] of moves) send(type, where);
}"""


async def test_fingers_leaf_close_and_enlarge(open_page: Open) -> None:
    """A swipe leafs, one downwards closes, two fingers that part enlarge."""
    page = await open_page(viewport={"width": 390, "height": 844}, has_touch=True)
    await search(page, "red")
    caption = await opened(page)
    stage = await page.query_selector("#viewer-stage")

    async def touch(*moves: tuple[str, int, int, int]) -> None:
        await page.evaluate(_TOUCH, [stage, moves])

    await touch(
        ("pointerdown", 1, 300, 400), ("pointermove", 1, 200, 405), ("pointerup", 1, 90, 405)
    )
    await expect(page.locator("#viewer-caption")).not_to_have_text(caption)
    await touch(
        ("pointerdown", 1, 90, 400), ("pointermove", 1, 200, 405), ("pointerup", 1, 300, 405)
    )
    await expect(page.locator("#viewer-caption")).to_have_text(caption)
    await touch(
        ("pointerdown", 1, 150, 400),
        ("pointerdown", 2, 250, 400),
        ("pointermove", 1, 100, 400),
        ("pointermove", 2, 300, 400),
        ("pointerup", 1, 100, 400),
        ("pointerup", 2, 300, 400),
    )
    assert await page.locator("#viewer-picture").evaluate(SCALE) == pytest.approx(2)
    await page.keyboard.press("0")
    await touch(
        ("pointerdown", 1, 200, 300), ("pointermove", 1, 200, 400), ("pointerup", 1, 205, 520)
    )
    await expect(page.locator("#viewer")).to_be_hidden()


async def test_a_picture_leads_to_others(open_page: Open) -> None:
    """Find similar searches with it, Add words puts it into the bar, and its address is kept."""
    page = await open_page()
    await search(page, "red")
    caption = await opened(page)
    await page.get_by_role("button", name="Find similar").click()
    await expect(page.locator("#viewer")).to_be_hidden()
    await expect(page.locator("#query-chip")).to_contain_text(caption)
    await expect(page.locator("#answer")).to_contain_text("Close matches")
    assert "like=" in page.url
    await page.reload()
    await expect(page.locator("#query-chip")).to_contain_text(caption)
    await expect(page.locator("#answer")).to_contain_text("Close matches")
    await page.locator("#query-chip button").click()
    await opened(page, 2)
    await page.get_by_role("button", name="Add words").click()
    await expect(page.locator("#query")).to_be_focused()
    await expect(page.locator("#query-chip img")).to_be_visible()
    async with page.expect_request("**/similar?text=blue*"):
        await search(page, "blue")
    assert "q=blue" in page.url
    await page.fill("#query", "/describe")
    await page.locator("#query").press("Enter")
    await expect(page.locator(".captions li").first).to_be_visible()


async def test_pictures_of_the_conversation_open_too(open_page: Open) -> None:
    """A card opens in the same viewer, among the cards of its reply."""
    page = await open_page()
    await talk(page)
    await page.fill("#message", "green")
    await page.keyboard.press("Enter")
    await page.locator(".card-picture").nth(2).click()
    await expect(page.locator("#viewer-facts .fact-score")).to_contain_text("·")
    for _ in range(2):
        await page.keyboard.press("ArrowRight")
    await expect(page.locator("#viewer-next")).to_be_disabled()
    await page.keyboard.press("Escape")
    await expect(page.locator("#viewer")).to_be_hidden()
    await expect(page.locator("#talk")).to_be_visible()


def _origin(page: Page) -> str:
    parts = urlsplit(page.url)
    return f"{parts.scheme}://{parts.netloc}"
