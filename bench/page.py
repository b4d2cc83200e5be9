"""Does the page scroll through 100,000 pictures at 60 frames/s: ``python -m bench.page [COUNT]``.

A real Chromium without a graphics card paints the page over a made-up listing
(``page_server.py``), at 1280 x 800 pixels. It is scrolled by a wheel at several paces, at the
beginning and deep inside the collection. Two things are told of each: the frames that the
browser came to paint, and the milliseconds that the page itself took for one (scripts, styles
and layout; the rest is the painting of the browser, which a graphics card would do).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass

from aiohttp import web
from playwright.async_api import CDPSession, Page, async_playwright

from bench.machine import described, load
from bench.page_server import build

_SECONDS = 5
_FRAME_MS = 1000 / 60
# Screens a second: reading, looking for something, and flying past.
_PACES = (0.5, 2, 8)

_SCROLL = """async ([pixels, seconds]) => {
  const gaps = [];
  let long = 0;
  const watcher = new PerformanceObserver(list => { long += list.getEntries().length; });
  watcher.observe({ entryTypes: ['longtask'] });
  let before = performance.now();
  const start = before;
  while (before - start < seconds * 1000) {
    const now = await new Promise(requestAnimationFrame);
    // A late first frame belongs to what was before.
    if (gaps.length || now > start) gaps.push(now - before);
    scrollBy({ top: pixels * Math.min(100, now - before) / 1000, behavior: 'instant' });
    before = now;
  }
  watcher.disconnect();
  return [gaps.slice(1), long];
}"""

# Polled here: the page forbids itself the evaluation of texts that waiting for one needs.
_REACHED = """async height => {
  while (document.querySelector('#grid').offsetHeight < height)
    await new Promise(done => setTimeout(done, 100));
}"""

_EMPTY = """() => {
  const tiles = [...document.querySelectorAll('a.tile')].filter(t => {
    const box = t.getBoundingClientRect();
    return box.bottom > 64 && box.top < innerHeight;
  });
  return [tiles.length, document.querySelectorAll('#grid li').length];
}"""


@dataclass(frozen=True)
class Scrolled:
    """Gaps between frames in ms, tasks of over 50 ms, and what the page took in ms."""

    gaps: list[float]
    long: int
    page_ms: float

    def line(self, what: str) -> str:
        """One row of the table."""
        gaps = sorted(self.gaps)
        on_time = sum(gap < 1.5 * _FRAME_MS for gap in gaps) / len(gaps)
        rate = 1000 * len(gaps) / sum(gaps)
        return (
            f"{what:34} {rate:6.1f} {on_time:8.1%} {gaps[len(gaps) // 2]:8.1f} "
            f"{gaps[int(0.99 * len(gaps))]:8.1f} {self.long:6d} {self.page_ms / len(gaps):10.2f}"
        )


async def _measured(page: Page, session: CDPSession, pace: float) -> Scrolled:
    before = await _spent(session)
    gaps, long = await page.evaluate(_SCROLL, [pace * 800, _SECONDS])
    return Scrolled(gaps, long, await _spent(session) - before)


async def _spent(session: CDPSession) -> float:
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    names = {"ScriptDuration", "LayoutDuration", "RecalcStyleDuration"}
    return 1000 * sum(each["value"] for each in metrics if each["name"] in names)


async def main() -> None:
    """Print a table, and how many tiles the document holds at the end."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    runner = web.AppRunner(build(count), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    path = os.environ.get("TANGERINE_TEST_BROWSER") or shutil.which("chromium")
    print(f"{described()}, load before: {load()}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        session = await page.context.new_cdp_session(page)
        # Processor time of its thread: wall time would count what others do on the machine.
        await session.send("Performance.enable", {"timeDomain": "threadTicks"})
        await page.goto(f"http://{host}:{port}/")
        await page.wait_for_selector("a.tile.come")
        print(f"{'':34} frames in time   median      p99   long  page ms a frame")
        for pace in _PACES:
            told = await _measured(page, session, pace)
            print(told.line(f"the newest, {pace} screens/s"))
        # As after a reload: the page comes back to where one was.
        state = {"y": 0, "reached": count}
        await page.evaluate("state => history.replaceState(state, '')", state)
        await page.evaluate("addEventListener('pagehide', e => e.stopImmediatePropagation(), true)")
        await page.reload()
        await page.evaluate(_REACHED, count // 8 * 150)
        await page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
        for pace in _PACES:
            told = await _measured(page, session, pace)
            print(told.line(f"in the midst of {count:,}, {pace} screens/s"))
        seen, kept = await page.evaluate(_EMPTY)
        heap = await page.evaluate("performance.memory.usedJSHeapSize / 2 ** 20")
        print(f"in view: {seen} tiles, in the document: {kept}; JavaScript's heap: {heap:.0f} MiB")
        await browser.close()
    await runner.cleanup()
    print(f"load after: {load()}")


if __name__ == "__main__":
    asyncio.run(main())
