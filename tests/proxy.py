"""The reverse proxy of deploy/cluster, for tests that have nginx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_CONFIGURATION = Path(__file__).parents[1] / "deploy" / "cluster" / "nginx.conf"


@asynccontextmanager
async def nginx(folder: Path, ports: list[int]) -> AsyncIterator[str]:
    """The proxy of deploy/cluster before web chats at these ports; its socket, in the folder."""
    text = _CONFIGURATION.read_text(encoding="utf-8")
    for number, port in enumerate(ports, start=1):
        text = text.replace(f"server bot-{number}:8080", f"server 127.0.0.1:{port}")
    listening = folder / "nginx.sock"
    text = text.replace("listen 8080;", f"listen unix:{listening};")
    text = text.replace("/run/nginx.pid", str(folder / "nginx.pid"))
    file = folder / "nginx.conf"
    file.write_text(text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *("nginx", "-c", str(file), "-e", str(folder / "error.log"), "-g", "daemon off;")
    )
    try:
        async with asyncio.timeout(30):
            while not listening.exists():
                assert process.returncode is None
                await asyncio.sleep(0.01)
        yield str(listening)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
