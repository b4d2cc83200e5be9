"""The way of a new user: the commands of the README, typed where it says, and what the page shows.

``Checkout`` is a folder in which they work: a clone, or one that shares the environment of
whoever runs the tests.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.terminal import Screen, terminal

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ANSWER_MS = 60_000


def commands(text: str) -> list[str]:
    """The lines of a page's code blocks, without the remarks behind them."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = (re.split(r"\s+# ", line)[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


RUN, TEST, OWN, FIND = commands(README)[:4]
"""The README's first commands, as they are written there."""


@dataclass(frozen=True)
class Checkout:
    """A folder with the program in it, and the environment of the person who sits there."""

    folder: Path
    home: Path
    environment: Mapping[str, str]

    @classmethod
    def at(cls, folder: Path, home: Path, **environment: str) -> Checkout:
        """One with an empty home; ``environment`` is what the person has set besides."""
        (home / "Pictures").mkdir(parents=True)
        ours = ("TANGERINE_", "HF_", "DISCORD_", "TELEGRAM_", "XDG_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        # What pip has fetched before is at hand.
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        own = {
            "HOME": str(home),
            "XDG_CACHE_HOME": cache,
            "TERM": "xterm",
            "COLUMNS": "200",
            "LANG": "C.UTF-8",
            "TANGERINE_WEB_PORT": "0",
        }
        return cls(folder, home, kept | own | environment)

    @property
    def pictures(self) -> Path:
        """The person's own pictures."""
        return self.home / "Pictures"

    @asynccontextmanager
    async def typed(self, line: str, **environment: str) -> AsyncIterator[Screen]:
        """Type a line into a shell; what still runs at the end is killed."""
        command = f"sh -c {shlex.quote(line)}"
        async with terminal(command, self.folder, {**self.environment, **environment}) as screen:
            yield screen

    async def said(self, line: str, seconds: float = 90, **environment: str) -> tuple[int, str]:
        """Exit code and words of a line that ends by itself."""
        async with self.typed(line, **environment) as screen:
            code = await screen.ended(seconds)
            assert "Traceback" not in screen.shown, screen.shown
            return code, screen.shown

    @asynccontextmanager
    async def running(self, line: str, seconds: float = 90) -> AsyncIterator[tuple[Screen, str]]:
        """Type ``make run`` in some way; its screen and its address. Ctrl-C ends it, quietly."""
        async with self.typed(line) as screen:
            await screen.until("Web chat: http", seconds)
            await screen.until("\n", 5)
            found = re.search(r"Web chat: (http://[\w.:]+)", screen.shown)
            assert found, screen.shown
            yield screen, found[1]
            screen.interrupt()
            await screen.ended(60)
            assert "Traceback" not in screen.shown, screen.shown


def shared(folder: Path) -> Path:
    """A checkout whose files and environment are those of whoever runs the tests."""
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "requirements.lock"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    # It is installed: make has nothing to do.
    (folder / ".venv" / ".installed").touch()
    return folder


def own_pictures(checkout: Checkout, pictures: Mapping[str, Path]) -> None:
    """Put pictures under these names into the person's folder, without captions."""
    for name, source in pictures.items():
        shutil.copy(source, checkout.pictures / name)


# -- the page --------------------------------------------------------------------------


async def opened(browser: Browser, url: str, path: str = "/") -> Page:
    """The page in a new window, with its first pictures."""
    page = await browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.set_default_timeout(ANSWER_MS)
    await page.goto(url + path)
    await expect(page.locator("#grid a.tile.come").first).to_be_visible(timeout=ANSWER_MS)
    return page


async def captions(page: Page) -> list[str]:
    """What a screen reader says of the pictures near the window, in their order."""
    return await page.locator("#grid li[aria-posinset] img").evaluate_all(
        "nodes => nodes.map(n => [Number(n.closest('li').getAttribute('aria-posinset')), n.alt])"
        ".sort((a, b) => a[0] - b[0]).map(([, alt]) => alt)"
    )


async def ask(page: Page, question: str) -> list[float]:
    """Type a question into the search bar; the scores near the window, in the order shown."""
    await page.fill("#query", question)
    await page.press("#query", "Enter")
    await expect(page.locator("#grid")).not_to_have_attribute("aria-busy", "true")
    await expect(page.locator("#grid .tile-score:not([hidden])").first).to_be_visible()
    told = re.findall(r"Score (-?\d+\.\d+)\.", " ".join(await captions(page)))
    scores = [float(each) for each in told]
    assert scores, await captions(page)
    assert scores == sorted(scores, reverse=True), scores
    return scores


async def say(page: Page, text: str) -> None:
    """Type a line into the conversation; its answer is in view, to the last pixel above the bar."""
    answers = page.locator(".turn.theirs")
    before = await answers.count()
    await page.fill("#message", text)
    await page.press("#message", "Enter")
    await expect(answers).to_have_count(before + 1, timeout=ANSWER_MS)
    first = answers.nth(before).locator(".card img, .labels li").first
    await expect(first).to_be_in_viewport(ratio=0.9)
    seen = await first.evaluate(
        "n => { const b = n.getBoundingClientRect();"
        " const top = document.elementFromPoint(b.left + b.width / 2, b.top + b.height / 2);"
        " return n.contains(top) || top.contains(n); }"
    )
    assert seen, text
