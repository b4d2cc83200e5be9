"""A long day in twenty minutes: ``python -m bench.soak [MINUTES [MEMORY]]``.

``tangerine run`` with the embedded model over the demo gallery's kind of pictures serves
people on a loopback Discord, a loopback Telegram and the web chat, while pictures come and go
and are indexed anew. Every question must get an answer; memory and open files must not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import itertools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import aiohttp
import numpy as np
from PIL import Image

from tests.program import Program, small_program
from tests.running import Running, running
from tests.servers.discord_gateway import until
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_world import MANAGE_GUILD, MEMBER_RIGHTS, Person, Server
from tests.servers.telegram import TelegramServer

_MINUTES = 20.0
# The first tenth fills caches, imports what is imported late, and is not compared.
_WARM_UP = 0.1
_PICTURES = 300
_CHANGED = 12
_REINDEX_EVERY_S = 45.0
_SAMPLE_EVERY_S = 5.0
_ANSWER_S = 60.0
_WEB_CALLERS = 4
_PHOTO_EVERY = 5
_REFUSALS = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_PAUSES_S = {"discord": 0.7, "telegram": 1.0, "web": 0.4}

_ADMIN = Person(13, "ada", rights=MEMBER_RIGHTS | MANAGE_GUILD)
_HUES = ("red", "green", "blue", "yellow", "orange", "purple", "white", "black")
_THINGS = ("apple", "bird", "car", "duck", "house", "key", "lamp", "pear", "ship", "tree")


@dataclass
class Seen:
    """What was asked and what came of it, and how the program was meanwhile."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    unanswered: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    reindexed: int = 0
    samples: list[tuple[float, float, int]] = field(default_factory=list)

    async def ask(self, platform: str, question: Callable[[], Awaitable[str]]) -> None:
        """Ask and wait for the answer: the code of the reason where it was refused, else ""."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(_ANSWER_S):
                if code := await question():
                    self.refused[f"{platform}: {code}"] += 1
        except (TimeoutError, AssertionError, aiohttp.ClientError) as error:
            self.unanswered[platform] = self.unanswered.get(platform, 0) + 1
            print(f"{platform}: unanswered: {error!r}", flush=True)
        self.seconds.setdefault(platform, []).append(time.monotonic() - began)


def _questions() -> Iterator[str]:
    for number in itertools.count():
        hue, thing = _HUES[number % len(_HUES)], _THINGS[number // len(_HUES) % len(_THINGS)]
        yield f"a {hue} {thing} {number}"


def _draw(folder: Path, number: int, seed: int) -> None:
    """A picture of its own: coloured noise, soft enough to be a JPEG of usual size."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(small).resize((640, 480)).save(folder / f"picture-{number:04}.jpg")


async def _on_discord(seen: Seen, discord: Discord, server: Server) -> None:
    for number, text in enumerate(_questions()):
        person = Person(2000 + number % 500)

        async def find(person: Person = person, text: str = text) -> str:
            asked = await discord.slash(person, server, "find", {"query": text, "count": 3})
            await until(lambda: bool(discord.visible(asked)), seconds=_ANSWER_S)
            return ""

        await seen.ask("discord", find)
        await asyncio.sleep(_PAUSES_S["discord"])


async def _on_telegram(seen: Seen, telegram: TelegramServer) -> None:
    people = itertools.cycle(range(500, 700))
    for person, text in zip(people, _questions(), strict=False):
        telegram.world.user(person)

        async def find(person: int = person, text: str = text) -> str:
            before = sum(m["chat"]["id"] == person for m in telegram.world.sent)
            await telegram.say(person, person, f"/find {text} --count 2")
            await telegram.until(
                lambda: sum(m["chat"]["id"] == person for m in telegram.world.sent) > before,
                _ANSWER_S,
            )
            return ""

        await seen.ask("telegram", find)
        await asyncio.sleep(_PAUSES_S["telegram"])


async def _on_the_web(seen: Seen, program: Running) -> None:
    photo = io.BytesIO()
    Image.fromarray(np.full((300, 400, 3), 90, dtype=np.uint8)).save(photo, "JPEG")
    for number, text in enumerate(_questions()):
        with_photo = number % _PHOTO_EVERY == 0

        async def find(text: str = text, *, with_photo: bool = with_photo) -> str:
            if with_photo:
                status, answer = await program.post("/api/similar", photo.getvalue())
            else:
                status, answer = await program.get("/api/find", q=text)
            if status == HTTPStatus.OK:
                return ""
            assert status in _REFUSALS
            return str(answer["error"]["code"])

        await seen.ask("photos on the web" if with_photo else "web", find)
        await asyncio.sleep(_PAUSES_S["web"])


async def _reindexing(seen: Seen, discord: Discord, server: Server, gallery: Path) -> None:
    for turn in itertools.count(1):
        await asyncio.sleep(_REINDEX_EVERY_S)
        for number in range(_CHANGED):
            place = (turn * _CHANGED + number) % _PICTURES
            await asyncio.to_thread(_draw, gallery, place, turn * 1000 + number)
        asked = await discord.slash(_ADMIN, server, "reindex")
        await until(
            lambda asked=asked: any("up to date" in shown.text for shown in discord.visible(asked)),
            seconds=10 * _ANSWER_S,
        )
        seen.reindexed += 1


async def _sampling(seen: Seen, program: Running, began: float) -> None:
    while True:
        processes = program.processes()
        # Pages that workers share with their parent count once.
        memory = sum(p.memory_full_info().pss for p in processes) / 2**20
        files = sum(p.num_fds() for p in processes)
        seen.samples.append((time.monotonic() - began, memory, files))
        await asyncio.sleep(_SAMPLE_EVERY_S)


async def _soak(program: Program, minutes: float) -> Seen:
    seen, telegram = Seen(), TelegramServer()
    program.gallery.mkdir(parents=True)
    for number in range(_PICTURES):
        _draw(program.gallery, number, number)
    async with (
        discord_with(Server(5, owner=1)) as discord,
        telegram.running(),
        running(program, **discord.environment, **telegram.environment) as started,
    ):
        await started.wait_until_said(
            "Ready:", "Discord: connected", "Telegram: connected", seconds=600
        )
        [server] = discord.gateway.servers
        began = time.monotonic()
        tasks = [
            asyncio.create_task(work)
            for work in (
                _on_discord(seen, discord, server),
                _on_telegram(seen, telegram),
                *(_on_the_web(seen, started) for _ in range(_WEB_CALLERS)),
                _reindexing(seen, discord, server, program.gallery),
                _sampling(seen, started, began),
            )
        ]
        done, _ = await asyncio.wait(
            tasks, timeout=60 * minutes, return_when=asyncio.FIRST_EXCEPTION
        )
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert not done
        started.process.terminate()
        async with asyncio.timeout(20):
            code = await started.process.wait()
        print(f"stopped with exit code {code}")
    return seen


def _report(seen: Seen, minutes: float) -> None:
    asked = sum(map(len, seen.seconds.values()))
    print(
        f"{minutes:g} minutes: {asked} questions, {sum(seen.unanswered.values())} unanswered, "
        f"{seen.refused.total()} refused with a reason, {seen.reindexed} reindexes"
    )
    for reason, count in seen.refused.most_common():
        print(f"refused: {count} times: {reason}")
    for platform, seconds in seen.seconds.items():
        ordered = sorted(seconds)
        print(
            f"{platform}: {len(ordered)} questions, median {statistics.median(ordered):.3f} s, "
            f"p99 {ordered[int(0.99 * (len(ordered) - 1))]:.3f} s, slowest {ordered[-1]:.3f} s"
        )
    warm = [sample for sample in seen.samples if sample[0] > _WARM_UP * 60 * minutes]
    third = max(1, len(warm) // 3)
    for name, column, unit in (("memory", 1, " MiB"), ("open files", 2, "")):
        first = statistics.median(sample[column] for sample in warm[:third])
        last = statistics.median(sample[column] for sample in warm[-third:])
        print(
            f"{name}: {first:.0f}{unit} in the first third after warming up, {last:.0f}{unit} in "
            f"the last ({last / first:.3f}x); highest {max(s[column] for s in warm):.0f}{unit}"
        )


def main() -> int:
    """Run it, with the setting ``memory`` that is named; 1 where a question was not answered."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("minutes", type=float, nargs="?", default=_MINUTES)
    parser.add_argument("memory", nargs="?", default="normal")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        gallery = str(Path(folder) / "gallery")
        program = small_program(
            Path(folder), TANGERINE_GALLERY=gallery, TANGERINE_MEMORY=arguments.memory
        )
        seen = asyncio.run(_soak(program, arguments.minutes))
    _report(seen, arguments.minutes)
    return 1 if seen.unanswered else 0


if __name__ == "__main__":
    raise SystemExit(main())
