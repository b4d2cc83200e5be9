"""Take the pictures of README and docs from the running program.

``python scripts/screenshots.py [NAME …]`` starts ``tangerine run`` with ``mini`` on the demo
gallery and does what each named scene says in a real Chromium, as a person would; without names it
takes all of them, and those of posts in chats (:mod:`scripts.posted_pictures`). ``--url`` takes
scenes from a program that runs already, whose pictures are indexed and tagged, ``--out`` saves
them elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image, ImageOps  # noqa: E402 - run as a file
from playwright.async_api import Browser, FilePayload, Page, async_playwright  # noqa: E402

from index.demo.gallery import demo_gallery  # noqa: E402
from index.demo.packages import fetch_debian  # noqa: E402
from recipes.fashion import PACKAGE, write_gallery  # noqa: E402
from scripts import posted_pictures  # noqa: E402
from scripts.saving import save  # noqa: E402
from scripts.scene_pictures import write_pictures  # noqa: E402
from tests.program import Program, small_program  # noqa: E402
from tests.running import Running, running  # noqa: E402

OUT = ROOT / "docs" / "images"
_GALLERY = ROOT / "data" / "demo"
_POSTED = ROOT / "data" / "screenshots" / "posted"
_CLOTHES = 1501
_SEEN = 512
_INDEXED_S = 1800
_ANSWERED_MS = 60_000
_LABELS = ("fruit", "bird", "musical instrument", "vehicle", "road sign")

# All that is known of the page: what is typed into, and what is there once it has answered.
_FILE = "#file"
_SEARCH = "#query"
_TILE = "#grid li[aria-posinset='{}'] a.come"
_SCORE = "#grid .tile-score:not([hidden])"


async def look(page: Page, scene: Scene) -> None:
    """Wait for the first pictures of the collection, and for the ideas above them."""
    del scene
    await page.locator("#topics button").first.wait_for(timeout=_ANSWERED_MS)
    await _drawn(page)


async def ask(page: Page, scene: Scene) -> None:
    """Ask the scene's question, with its photo where it has one; point at the first picture."""
    if scene.photo:
        await page.set_input_files(_FILE, await asyncio.to_thread(_posted, scene))
    await page.fill(_SEARCH, scene.question)
    await page.press(_SEARCH, "Enter")
    await page.locator(_SCORE).first.wait_for(timeout=_ANSWERED_MS)
    await _drawn(page)
    if not scene.phone:
        await page.hover(_TILE.format(1))


async def open_first(page: Page, scene: Scene) -> None:
    """Ask, and open the first picture with its details."""
    await ask(page, scene)
    await page.click(_TILE.format(1))
    facts = page.locator("#viewer-facts .fact-file")
    if not await facts.is_visible():
        await page.click("#viewer-about")
    await facts.wait_for()
    await page.wait_for_function(
        "() => { const picture = document.querySelector('#viewer-picture');"
        " return picture.complete && picture.naturalWidth; }",
        timeout=_ANSWERED_MS,
    )


async def talk(page: Page, scene: Scene) -> None:
    """Give the command in the conversation, with the scene's photo."""
    if scene.photo:
        await page.set_input_files(_FILE, await asyncio.to_thread(_posted, scene))
    await page.fill(_SEARCH, scene.question)
    await page.press(_SEARCH, "Enter")
    await page.locator(".turn.theirs").first.wait_for(timeout=_ANSWERED_MS)
    await page.locator(".turn.theirs .labels, .turn.theirs img").first.wait_for(
        timeout=_ANSWERED_MS
    )
    await _drawn(page)


async def explore(page: Page, scene: Scene) -> None:
    """Give the command, and open its map in the window."""
    await talk(page, scene)
    await page.locator(".turn.theirs button", has_text="Explore the map").click()
    await page.locator("#map-canvas:not([aria-busy])").wait_for()
    await page.locator("#map-legend li").first.wait_for()
    await page.wait_for_load_state("networkidle")  # its thumbnails


async def come_early(page: Page, scene: Scene) -> None:
    """See what is there of the first hundred while the rest is still being indexed."""
    del scene
    await page.locator("#work").wait_for(timeout=_ANSWERED_MS)
    await page.wait_for_function(
        "() => parseInt(document.querySelector('#summary').textContent) > 100",
        timeout=_ANSWERED_MS,
    )
    await _drawn(page)


async def unplug(page: Page, scene: Scene) -> None:
    """Ask while the program cannot be reached."""
    await look(page, scene)
    await page.context.set_offline(True)
    await page.fill(_SEARCH, scene.question)
    await page.press(_SEARCH, "Enter")
    await page.locator("#notice button").wait_for(timeout=_ANSWERED_MS)


async def _drawn(page: Page) -> None:
    """Wait until each picture in the window has come."""
    await page.wait_for_function(
        "() => [...document.querySelectorAll('#grid a.tile')].every(n => n.matches('.come')"
        " || n.getBoundingClientRect().top > innerHeight)",
        timeout=_ANSWERED_MS,
    )


@dataclass(frozen=True)
class Scene:
    """One picture, ``name``.webp: what is asked, with which file of the demo gallery beside it.

    ``do`` is what is done on the page; of the file the middle ``share`` of each edge is posted.
    ``early`` scenes are taken while the gallery is indexed; ``gallery`` names one of
    :data:`_GALLERIES`.
    """

    name: str
    do: Callable[[Page, Scene], Awaitable[None]] = ask
    question: str = ""
    photo: str = ""
    share: float = 1
    gallery: str = "stamps"
    phone: bool = False
    dark: bool = False
    early: bool = False


SCENES = (
    Scene("first-indexing", come_early, early=True),
    Scene("first", look),
    Scene("results", question="orange fruits"),
    Scene("viewer", open_first, "a red flower with a dark heart"),
    Scene("phone", question="a yellow flower", phone=True),
    Scene("dark", question="musical instruments", dark=True),
    Scene("conversation", talk, "/classify fruit, animal, vehicle", photo="orange_seville.png"),
    Scene("map-page", explore, "/map orange fruits --groups 8"),
    Scene("error", unplug, "orange fruits"),
    Scene("similar-but-red", question="but red", photo="apple_green.png"),
    Scene("find-label", question="label:fruit a red apple"),
    Scene("damaged-crop", photo="sad.png", share=0.7),
    Scene("fashion", photo="ankle-boot-*.png", gallery="clothes"),
    Scene("words", question="tests pass first", gallery="made"),
    Scene("moving", open_first, "a truck", gallery="made"),
)


async def main(scenes: Sequence[Scene], posted: Sequence[str], url: str | None, out: Path) -> None:
    """Take these pictures into a folder that exists."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        if url is None:
            await _from_a_new_one(browser, scenes, out)
        else:
            await _take_all(
                browser, [s for s in scenes if not s.early and s.gallery == "stamps"], url, out
            )
        if posted:
            gallery = await asyncio.to_thread(demo_gallery, _GALLERY, print)
            await posted_pictures.take(browser, gallery, posted, out)
        await browser.close()


def _posted(scene: Scene) -> FilePayload:
    """The scene's photo, as it is chosen in the page."""
    path = next((_POSTED if scene.gallery == "clothes" else _GALLERY).rglob(scene.photo))
    data = path.read_bytes()
    if scene.share < 1:
        # As somebody's screen shows it: large, and on white.
        with Image.open(path) as image:
            drawn = ImageOps.contain(image.convert("RGBA"), (_SEEN, _SEEN))
        ground = Image.new("RGBA", drawn.size, "white")
        ground.alpha_composite(drawn)
        left, top = (round(edge * (1 - scene.share) / 2) for edge in drawn.size)
        file = io.BytesIO()
        middle = (left, top, drawn.width - left, drawn.height - top)
        ground.convert("RGB").crop(middle).save(file, "PNG")
        data = file.getvalue()
    return {"name": "photo.png", "mimeType": "image/png", "buffer": data}


def _clothes() -> Path:
    """The gallery of ``make demo-fashion``, without one boot, which is posted."""
    gallery = _POSTED.with_name("gallery")
    write_gallery(fetch_debian(PACKAGE, ROOT / ".cache"), gallery, _CLOTHES)
    if not _POSTED.is_dir():
        _POSTED.mkdir()
        boot = max(gallery.glob("ankle-boot-*.png"))
        boot.rename(_POSTED / boot.name)
    return gallery


def _stamps() -> Path:
    return demo_gallery(_GALLERY, print)


def _made() -> Path:
    """Pictures with words, and some that move."""
    return write_pictures(_stamps(), _POSTED.with_name("made"))


_GALLERIES = {"stamps": _stamps, "clothes": _clothes, "made": _made}


async def _from_a_new_one(browser: Browser, scenes: Sequence[Scene], out: Path) -> None:
    for name, make in _GALLERIES.items():
        if of_these := [scene for scene in scenes if scene.gallery == name]:
            await _from(await asyncio.to_thread(make), browser, of_these, out)


async def _from(gallery: Path, browser: Browser, scenes: Sequence[Scene], out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        words = str(scenes[0].gallery == "made").lower()
        given = {"TANGERINE_GALLERY": str(gallery), "TANGERINE_WORDS__ENABLED": words}
        program = small_program(Path(folder), **given)
        async with running(program) as started:
            await started.wait_for(lambda: bool(started.url), _INDEXED_S)
            await _take_all(browser, [s for s in scenes if s.early], started.url, out)
            await started.wait_until_said("Ready:", seconds=_INDEXED_S)
            if scenes[0].gallery == "made":
                await words_read(started)
            else:
                await asyncio.to_thread(_tag, program)
            await _take_all(browser, [s for s in scenes if not s.early], started.url, out)


async def words_read(started: Running) -> None:
    """Wait until all words are read, which begins after the first indexing."""
    async with asyncio.timeout(_INDEXED_S):
        read = waiting = 0.0
        while not read or waiting:
            await asyncio.sleep(1)
            read = await started.metric("tangerine_words_read")
            waiting = await started.metric("tangerine_words_waiting")


def _tag(program: Program) -> None:
    labels = program.folder / "labels.txt"
    labels.write_text("\n".join(_LABELS))
    done = program.apart("tag", "--labels", labels)
    assert done.code == 0, done.err


async def _take_all(browser: Browser, scenes: Sequence[Scene], url: str, out: Path) -> None:
    for scene in scenes:
        await _take(browser, scene, url, out / f"{scene.name}.webp")


async def _take(browser: Browser, scene: Scene, url: str, file: Path) -> None:
    wide, high = (390, 844) if scene.phone else (1280, 800)
    page = await browser.new_page(
        viewport={"width": wide, "height": high},
        device_scale_factor=2 if scene.phone else 1,
        is_mobile=scene.phone,
        has_touch=scene.phone,
        color_scheme="dark" if scene.dark else "light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    await page.goto(url)
    await scene.do(page, scene)
    # The caret blinks: it is no part of a picture that is to be the same another time.
    picture = await page.screenshot(caret="hide")
    await page.close()
    print(file, await asyncio.to_thread(save, picture, file), "KiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [*(scene.name for scene in SCENES), *posted_pictures.NAMES]
    parser.add_argument("names", nargs="*", choices=[[], *names])
    parser.add_argument("--url")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    chosen = [scene for scene in SCENES if not asked.names or scene.name in asked.names]
    asked.out.mkdir(parents=True, exist_ok=True)
    of_posts = (
        [] if asked.url else [n for n in posted_pictures.NAMES if n in (asked.names or names)]
    )
    asyncio.run(main(chosen, of_posts, asked.url, asked.out))
