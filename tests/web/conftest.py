"""A real headless Chromium, one a module, and a fresh page for every test."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from bot.web.adapter import WebOptions
from tests.web.pages import talk
from tests.web.parts import Parts, serving

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Open = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="module")
def browser_home() -> Path | None:
    """A folder whose ``fonts`` the browser has beside the machine's; modules may give one."""
    return None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(browser_home: Path | None) -> AsyncIterator[Browser]:
    """Debian's Chromium (or the one that TANGERINE_TEST_BROWSER names)."""
    path = os.environ.get("TANGERINE_TEST_BROWSER") or shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium; install it with: apt-get install chromium")
    home: dict[str, str | float | bool] = {"XDG_DATA_HOME": str(browser_home)}
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=path,
            args=list(FLAGS),
            env={**os.environ, **home} if browser_home else None,
        )
        yield launched
        await launched.close()


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    """A chat without quotas."""
    return Parts(tmp_path)


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser, parts: Parts) -> AsyncIterator[Open]:
    """Opens the chat; whatever the page complains about fails the test at its end.

    ``chat`` is what it serves, ``token`` the server's, ``path`` the address; ``talking`` opens
    the conversation; ``complaints_expected`` lets the page complain; further keywords are those
    of a browser context.
    """
    complaints: list[str] = []
    contexts = []
    servers: list[Any] = []

    async def opened(
        *,
        chat: Parts = parts,
        token: str | None = None,
        path: str = "/",
        talking: bool = False,
        complaints_expected: bool = False,
        **context: Any,
    ) -> Page:
        server = serving(chat, WebOptions(port=0, token=token))
        adapter = await server.__aenter__()
        servers.append(server)
        calm = {"reduced_motion": "reduce", **context}
        contexts.append(await browser.new_context(**calm))
        page = await contexts[-1].new_page()
        page.set_default_timeout(10_000)
        if not complaints_expected:
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on(
                "console",
                lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None,
            )
        await page.goto(adapter.url + path)
        if token is None:
            # The machine may be busy: what comes first takes longest.
            await expect(page.locator("#summary")).not_to_be_empty(timeout=15_000)
            await expect(page.locator("#grid a.tile").first).to_be_attached(timeout=15_000)
        return await talk(page) if talking else page

    yield opened
    for context in contexts:
        await context.close()
    for server in servers:
        await server.__aexit__(None, None, None)
    assert complaints == []
