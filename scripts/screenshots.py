"""Take the pictures of README and docs from the running program.

``python scripts/screenshots.py [NAME …]`` starts ``tangerine run`` with ``mini`` on the demo
gallery and does what each named scene says in a real Chromium, as a person would; without names it
takes all of them. ``--url`` takes them from a program that runs already, ``--out`` saves them
elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser, Page, async_playwright  # noqa: E402 - run as a file

from index.demo import demo_gallery  # noqa: E402
from tests.program import small_program  # noqa: E402
from tests.running import running  # noqa: E402

OUT = ROOT / "docs" / "images"
_GALLERY = ROOT / "data" / "demo"
_INDEXED_S = 1800
_ANSWERED_MS = 60_000

# All that is known of the page: what is typed into, and what is there once it has answered.
_FILE = "#file"
_SEARCH = "#query"
_ANSWER = "#grid .tile-score"
_REPLY = ".turn.theirs .card img"


async def ask(page: Page, scene: Scene) -> None:
    """Ask the scene's question, with its photo where it has one, and wait for the answer."""
    if scene.photo:
        await page.set_input_files(_FILE, next(_GALLERY.rglob(scene.photo)))
    await page.fill(_SEARCH, scene.question)
    await page.press(_SEARCH, "Enter")
    answer = _REPLY if scene.question.startswith("/") else _ANSWER
    await page.locator(answer).first.wait_for(timeout=_ANSWERED_MS)


@dataclass(frozen=True)
class Scene:
    """One picture, ``name``.png: what is asked, with which file of the demo gallery beside it.

    ``width`` and ``height`` are those of the window; ``do`` is what else is done than to ask.
    """

    name: str
    question: str = ""
    photo: str | None = None
    width: int = 1200
    height: int = 700
    dark: bool = False
    do: Callable[[Page, Scene], Awaitable[None]] = ask


SCENES = (
    Scene("find-orange-fruits", "/find orange fruits"),
    Scene("similar-but-red", "/similar but red", photo="apple_green.png", height=760),
)


async def main(scenes: Sequence[Scene], url: str | None, out: Path) -> None:
    """Take these pictures into a folder that exists."""
    async with _address(url) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for scene in scenes:
            await _take(browser, scene, address, out / f"{scene.name}.png")
        await browser.close()


@asynccontextmanager
async def _address(url: str | None) -> AsyncIterator[str]:
    if url is not None:
        yield url
        return
    gallery = await asyncio.to_thread(demo_gallery, _GALLERY, print)
    with tempfile.TemporaryDirectory() as folder:
        program = small_program(Path(folder), TANGERINE_GALLERY=str(gallery))
        async with running(program) as started:
            await started.wait_until_said("Ready:", seconds=_INDEXED_S)
            yield started.url


async def _take(browser: Browser, scene: Scene, url: str, file: Path) -> None:
    page = await browser.new_page(
        viewport={"width": scene.width, "height": scene.height},
        color_scheme="dark" if scene.dark else "light",
        reduced_motion="reduce",
    )
    await page.goto(url)
    await scene.do(page, scene)
    await page.wait_for_load_state("networkidle")
    await page.screenshot(path=file)
    await page.close()
    print(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *(scene.name for scene in SCENES)])
    parser.add_argument("--url")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    chosen = [scene for scene in SCENES if not asked.names or scene.name in asked.names]
    asked.out.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(chosen, asked.url, asked.out))
