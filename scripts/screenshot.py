"""Take a picture of the running program: ``python scripts/screenshot.py URL OUT [QUESTION]``.

Types a question, the README's unless another is given, into the web chat in a real Chromium, as
a person would.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_QUESTION = "/find orange fruits"


def main() -> None:
    """Ask in the chat at the given address and save what the browser shows."""
    url, out, question = sys.argv[1], Path(sys.argv[2]), (*sys.argv[3:], _QUESTION)[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        page.goto(url)
        box = page.get_by_role("textbox")
        box.fill(question)
        box.press("Enter")
        page.get_by_role("button", name="More like").first.wait_for(timeout=60_000)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main()
