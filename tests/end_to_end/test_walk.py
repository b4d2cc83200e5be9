"""The first quarter of an hour with the program, from the README alone.

The README's commands are typed into a terminal as they are written, and a real Chromium looks at
what comes. The sample takes the environment of the tests and a demo gallery of 45 pictures; the
whole way begins with ``git clone``, installs, and fetches the demo gallery that everybody gets.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from index.demo.gallery import READY
from tests.program import Program
from tests.walking import (
    FIND,
    OWN,
    ROOT,
    RUN,
    Checkout,
    ask,
    captions,
    opened,
    own_pictures,
    say,
    shared,
)

pytestmark = pytest.mark.process

_OWN = {
    "our fire engine.png": "vehicles/emergency/firetruck.png",
    "a bee.png": "animals/insects/bee.png",
    "the earth.png": "space/planets/3_earth.png",
}
_INSTALLED_S = 900
_INDEXED_S = 300
_LEARNT_S = 1500
_WRONG_S = 20.0
"""Long enough for a busy machine, and too short for a model to be loaded before on it."""


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    path = os.environ.get("TANGERINE_TEST_BROWSER") or shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium; install it with: apt-get install chromium")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        await launched.close()


def test_the_readme_begins_with_the_commands_that_are_walked() -> None:
    """Run the demo, run one's own, and ask at the command line."""
    assert RUN == "make run"
    assert OWN == "make run GALLERY=~/Pictures"
    assert FIND == '.venv/bin/tangerine find "orange fruits"'


@pytest.mark.timeout(300)  # two starts of the program, and a question alone: each loads the model
async def test_a_new_user_comes_to_love_it(
    new_program: Callable[[], Program], stamps: Path, browser: Browser, tmp_path: Path
) -> None:
    """The demo, questions of every kind, and one's own pictures: as the README says."""
    folder = shared(tmp_path / "checkout")
    demo = folder / "data" / "demo" / "stamps"
    shutil.copytree(new_program().gallery, demo)
    (demo / READY).touch()
    checkout = Checkout.at(
        folder,
        tmp_path / "home",
        TANGERINE_ENCODER__THREADS="1",
        TANGERINE_ENCODER__BACKEND="onnx",
    )
    own_pictures(checkout, _own(stamps))
    async with checkout.running(RUN) as (screen, url):
        await screen.until("Ready:")
        await _look_around(browser, url, 45, stamps / "food/fruit/apple_green.png")
        await _ask_at_the_command_line(checkout)
    await _show_ones_own(checkout, browser)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_the_whole_way_from_a_clone(stamps: Path, browser: Browser, tmp_path: Path) -> None:
    """Everything, with what a new user's machine does first; how long it took is printed."""
    begun = time.monotonic()
    folder = tmp_path / "tangerine"
    await asyncio.to_thread(subprocess.run, ["git", "clone", "-q", ROOT, folder], check=True)
    checkout = Checkout.at(folder, tmp_path / "home")
    own_pictures(checkout, _own(stamps))
    async with checkout.running(RUN, _INSTALLED_S) as (screen, url):
        took = await _first_answer(url, begun)
        print(f"from clone to the first answer: {took:.0f} s")
        await _ask_while_it_is_indexed(checkout, url)
        await screen.until("Ready:", _INDEXED_S)
        await _look_around(browser, url, 785, stamps / "food/fruit/apple_green.png")
        await _ask_at_the_command_line(checkout)
        code, said = await checkout.said(RUN)
        assert code != 0
        assert "already" in said
        assert url in said
    await _show_ones_own(checkout, browser)
    begun = time.monotonic()
    async with checkout.running(RUN) as (screen, url):
        print(f"a second run to the first answer: {await _first_answer(url, begun):.1f} s")
        await screen.until("Ready:")
        page = await opened(browser, url)
        await expect(page.locator("#summary")).to_have_text("785 pictures")
    await _ask_at_the_command_line(checkout)
    await _go_wrong(checkout, tmp_path)
    await _learn_nothing(checkout)


def _own(stamps: Path) -> dict[str, Path]:
    return {name: stamps / source for name, source in _OWN.items()}


async def _look_around(browser: Browser, url: str, count: int, photo: Path) -> None:
    """The grid, a question, the conversation, a photo, words with it, and a command."""
    page = await opened(browser, url)
    await expect(page.locator("#summary")).to_have_text(f"{count} pictures")
    await ask(page, "orange fruits")
    assert "orange" in (await captions(page))[0]
    await page.click("#grid li[aria-posinset='1'] a")
    await expect(page.locator("#viewer-caption")).to_contain_text("orange")
    address = page.url
    await page.reload()
    await expect(page.locator("#viewer-caption")).to_contain_text("orange")
    assert page.url == address
    await page.keyboard.press("Escape")

    await page.set_input_files("#file", photo)
    await ask(page, "")
    await ask(page, "but red")
    first = (await captions(page))[0]
    assert "red" in first
    await page.fill("#query", "/classify fruit, bird")
    await page.press("#query", "Enter")
    await expect(page.locator(".labels li span:first-child").first).to_have_text("fruit")
    await page.locator("#message-chip button").click()

    for question in ("/find a bird", "/find orange fruits", "a red apple"):
        await say(page, question)
    await page.close()


async def _ask_at_the_command_line(checkout: Checkout) -> None:
    """What the README says, and ``--json``: the best first."""
    code, said = await checkout.said(FIND)
    assert code == 0, said
    assert "orange" in said
    code, said = await checkout.said(f"{FIND} --json")
    hits = json.loads(said)["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5]
    shown = [hit["match"] for hit in hits]
    assert shown == sorted(shown, reverse=True)


async def _show_ones_own(checkout: Checkout, browser: Browser) -> None:
    """One's own pictures, and nothing of the demo: on the page, in answers, at the command line."""
    async with checkout.running(OWN) as (screen, url):
        await screen.until("Ready:")
        assert "are gone" not in screen.shown
        page = await opened(browser, url)
        await expect(page.locator("#summary")).to_have_text("3 pictures")
        names = {name.removesuffix(".png") for name in _OWN}
        assert set(await captions(page)) == names
        await ask(page, "orange fruits")
        assert {each.split(".")[0] for each in await captions(page)} == names
    # Nothing runs any more: the command line goes by what ran last.
    code, said = await checkout.said(f"{FIND} --json")
    assert code == 0, said
    assert {hit["path"] for hit in json.loads(said)["hits"]} == set(_OWN)


async def _first_answer(url: str, begun: float) -> float:
    """Seconds from then until a question is answered with pictures."""
    async with aiohttp.ClientSession(url) as client, asyncio.timeout(_INDEXED_S):
        while True:
            async with client.get("/api/find", params={"q": "apple"}) as response:
                if response.status == 200 and (await response.json())["hits"]:
                    return time.monotonic() - begun
            await asyncio.sleep(0.1)


async def _ask_while_it_is_indexed(checkout: Checkout, url: str) -> None:
    """What is there is searched, and every answer says how much that is."""
    async with (
        aiohttp.ClientSession(url) as client,
        client.get("/api/find", params={"q": "a bird"}) as response,
    ):
        so_far = (await response.json())["so_far"]
    assert 0 < so_far["searched"] < so_far["total"] == 785
    code, said = await checkout.said(FIND)
    assert code == 0, said
    assert re.search(r"\d+ of 785 pictures so far", said), said


async def _go_wrong(checkout: Checkout, tmp_path: Path) -> None:
    """Each mistake is told in a line or two, at once; help and version come at once, too."""
    (tmp_path / "empty").mkdir()
    tangerine = FIND.split()[0]
    async with AsyncExitStack() as stack:
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        stack.push_async_callback(taken.wait_closed)
        stack.callback(taken.close)
        port = taken.sockets[0].getsockname()[1]
        for line, words in (
            (f"make run GALLERY={tmp_path}/nowhere", "There is no folder"),
            (f"make run GALLERY={tmp_path}/empty", "holds no pictures"),
            (f"TANGERINE_WEB_PORT={port} make run", f"The port {port} of 127.0.0.1 is in use"),
            (f"TANGERINE_MODEL={tmp_path}/empty {tangerine} run", "has no config.json"),
            (f"TANGERINE_MODEL=./no/model {tangerine} find orange", "does not exist"),
            (f"{tangerine} find", "Missing argument"),
            (f'{tangerine} find ""', "find"),
        ):
            begun = time.monotonic()
            code, said = await checkout.said(line)
            took = time.monotonic() - begun
            print(f"{line}: {took:.1f} s")
            assert code != 0, line
            assert words in " ".join(said.split()), said
            assert len(said.strip().splitlines()) <= 4, said
            assert took < _WRONG_S, line
    # None of them has changed what is asked next.
    await _ask_at_the_command_line(checkout)
    for line, words in ((f"{tangerine} --help", "find"), (f"{tangerine} --version", "tangerine")):
        code, said = await checkout.said(line)
        assert code == 0, said
        assert words in said


async def _learn_nothing(checkout: Checkout) -> None:
    """A training that makes nothing better says so first, fails, and leaves no folder."""
    tangerine = FIND.split()[0]
    line = f"{tangerine} train --data data/demo/stamps --loss mse --out trained --epochs 3"
    code, said = await checkout.said(line, _LEARNT_S)
    assert code == 1, said
    assert "Nothing was learnt" in said
    assert not (checkout.folder / "trained").exists()
