"""Room to wait for servers that this program depends on."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from config.settings import Settings

_THREADS: Final = 32
"""What asyncio takes on the largest machines; on two cores it would be six."""


def wait_for_servers(settings: Settings) -> None:
    """Let more threads work beside the event loop where a database or a bucket may hang.

    Those that wait for it leave some to whoever does not.
    """
    if settings.database_url is not None or settings.files_url is not None:
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="waiting")
        asyncio.get_running_loop().set_default_executor(threads)
