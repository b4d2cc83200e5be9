"""An encoder that serves a fake model: ``python -m tests.encoder_program PORT``, 0 for any."""

from __future__ import annotations

import asyncio
import sys

from tests.fakes import FakeEncoder
from tests.servers.encoder import served


async def _serve(port: int) -> None:
    async with served(FakeEncoder(), port=port) as encoder:
        print(encoder.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
