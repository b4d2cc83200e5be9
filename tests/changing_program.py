"""A process that adds, removes and restores: ``python -m tests.changing_program HOME SEED FIRST``.

With ``DATA URL`` behind them it is a node of that database, with a data folder of its own. It
says each step before it does it, and ``done`` once that is acknowledged.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from threading import Thread

from index.library.revisions import SharedRevisions
from tests.databases import on_a_server
from tests.fakes import picture_bytes
from tests.galleries import Gallery

STEPS = 1000


def _gallery(home: Path, data: str = "", url: str = "") -> Gallery:
    if not url:
        return Gallery(home)
    on_a_server(home, url)
    gallery = Gallery(home, data=Path(data), shared=SharedRevisions)
    assert isinstance(gallery.revisions, SharedRevisions)
    Thread(target=gallery.revisions.follow, daemon=True).start()
    return gallery


async def _change(gallery: Gallery, seed: int, first: int) -> None:
    chance = random.Random(seed)
    view = await gallery.library.open(None, "web")
    alive = {picture.caption: picture.id for picture in view.pictures}
    gone: dict[str, str] = {}
    print("ready", flush=True)
    for number in range(first, first + STEPS):
        step = chance.choice(["add", "add", "remove", "restore"])
        if step == "remove" and len(alive) > 1:
            name = chance.choice(sorted(alive))
            print("remove", name, flush=True)
            await gallery.contributions.remove(alive[name], community="web", remover="web:1")
            gone[name] = alive.pop(name)
        elif step == "restore" and gone:
            name = chance.choice(sorted(gone))
            print("add", name, flush=True)
            await gallery.contributions.restore(gone[name], community="web")
            alive[name] = gone.pop(name)
        else:
            print("add", number, flush=True)
            rgb = chance.randrange(256), chance.randrange(256), chance.randrange(256)
            picture = await gallery.contributions.add(
                picture_bytes(rgb, number),
                str(number),
                community="web",
                uploader="web:1",
                anyway=True,
            )
            alive[str(number)] = picture.id
        print("done", flush=True)


if __name__ == "__main__":
    _home, _seed, _first, *_node = sys.argv[1:]
    asyncio.run(_change(_gallery(Path(_home), *_node), int(_seed), int(_first)))
