"""``python -m bot`` is ``tangerine``.

Decoding processes import this module again, as the main one of their parent: it imports the
program only when it is called, so that they stay small and quick to start.
"""

from __future__ import annotations

import gc
import os

_MADE_BETWEEN_COLLECTIONS = 50_000
"""Objects made above those that went by themselves; Python's own choice is 700. What is
imported stays: looking through it again and again takes a sixth of what a command takes."""


def main() -> None:
    """Run the command line. What it writes is for the user alone who runs it."""
    os.umask(0o077)
    gc.set_threshold(_MADE_BETWEEN_COLLECTIONS)
    from bot.cli.main import main as run  # noqa: PLC0415 - see above

    run()


if __name__ == "__main__":
    main()
