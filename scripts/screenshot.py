"""Take a picture of the running program: ``python scripts/screenshot.py URL OUT [QUESTION]``.

Types a question, the README's unless another is given, into the search bar in a real Chromium,
as a person would; a line with "/" is answered in the conversation. ``--photo FILE`` goes with it,
with no words unless some are given. ``--height`` makes the window taller than 700 pixels.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

_QUESTION = "orange fruits"
_ANSWERED_MS = 60_000


def main() -> None:
    """Ask in the chat at the given address and save what the browser shows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("question", nargs="?")
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--height", type=int, default=700)
    asked = parser.parse_args()
    question = asked.question or ("" if asked.photo else _QUESTION)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": asked.height})
        page.goto(asked.url)
        if asked.photo:
            page.set_input_files("#file", asked.photo)
        page.fill("#query", question)
        page.press("#query", "Enter")
        answer = ".turn.theirs:not([aria-busy])" if question.startswith("/") else ".tile-score"
        page.locator(answer).first.wait_for(timeout=_ANSWERED_MS)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=asked.out)
        browser.close()


if __name__ == "__main__":
    main()
