"""Settings read anew: what holds at once, what waits, and that wrong ones change nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.chat.access_list import Roster
from bot.engine.reload import LIVE, Live, Reloading, _flat, cooldowns, quotas, search_rules
from bot.protocol.replies import Pictures
from bot.protocol.requests import Request
from bot.terminal.console import Terminal
from config.settings import Settings, load
from core.domain.errors import TangerineError
from core.domain.rate_limits import RateLimiter
from tests.web.parts import Parts

DISCORD, TELEGRAM = 5, 6


class Said(Terminal):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)

    def error(self, cause: str, remedy: str = "") -> None:
        """Keep both."""
        self.lines += [cause, remedy]


@dataclass
class Bench:
    """A chat whose settings come from a file."""

    parts: Parts
    live: Live
    reloading: Reloading
    file: Path
    said: Said
    logs: list[str]
    operators: list[frozenset[str]]

    async def reload(self, text: str) -> list[str]:
        """Write the file and read it; what was said."""
        self.file.write_text(text, encoding="utf-8")
        self.said.lines.clear()
        await self.reloading.reload()
        return self.said.lines


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """As the program starts it, with quotas."""
    for name in os.environ:
        if name.startswith(("TANGERINE_", "DISCORD_", "TELEGRAM_")):
            monkeypatch.delenv(name)
    file, said, logs = tmp_path / "tangerine.toml", Said(), []
    operators: list[frozenset[str]] = []
    file.write_text("[limits]\ntext_cooldown_s = 0\nper_minute = 3\n", encoding="utf-8")
    settings = load(file)
    parts = Parts(tmp_path, quota=quotas(settings)["quota"])
    live = Live(
        limits=parts.limits,
        search=parts.search,
        defaults=parts.defaults,
        discord=Roster({DISCORD}),
        telegram=Roster(),
        configure_logs=lambda read: logs.append(read.logs.level),
        change_operators=operators.append,
    )
    reloading = Reloading(settings, live, read=lambda: load(file), terminal=said)
    yield Bench(parts, live, reloading, file, said, logs, operators)
    await parts.close()


async def ask(limits: RateLimiter, times: int) -> int:
    """How many of so many questions of one person are admitted."""
    admitted = 0
    for _ in range(times):
        try:
            await limits.admit("web:1", "text", community="web")
        except TangerineError:
            continue
        admitted += 1
    return admitted


async def test_quotas_change_and_what_was_asked_stays_counted(bench: Bench) -> None:
    """Reading the settings anew is no way to ask more."""
    assert await ask(bench.parts.limits, 5) == 3
    said = await bench.reload("[limits]\ntext_cooldown_s = 0\nper_minute = 5\n")
    assert said == ["Settings read anew; changed: limits.per_minute."]
    assert await ask(bench.parts.limits, 5) == 2
    await bench.reload("[limits]\nenabled = false\n")
    assert await ask(bench.parts.limits, 50) == 50


async def test_every_answer_reads_the_new_settings(bench: Bench) -> None:
    """Counts of results, bounds of questions, and who may do what."""
    await bench.reload(
        "[search]\nresults = 2\nmax_query = 5\n[discord]\nadmins = [7]\n"
        "[telegram]\nadders = [8]\n[logs]\nlevel = 'debug'\n[limits]\nenabled = false\n"
    )
    request = Request("web", "web", "web:1", text="/find red")
    reply = await bench.parts.commands.handle(request)
    (pictures,) = (part for part in reply.parts if isinstance(part, Pictures))
    assert len(pictures.cards) == 2
    long = await bench.parts.commands.handle(
        Request("web", "web", "web:1", text="/find orange fruits")
    )
    assert long.error is not None
    assert bench.live.discord.admins == {7}
    assert bench.live.telegram.adders == {8}
    assert bench.logs[-1] == "debug"
    await bench.reload("")
    assert bench.live.discord.admins == bench.live.telegram.adders == frozenset()


async def test_what_waits_is_named_each_time_and_not_taken(bench: Bench) -> None:
    """A data folder cannot change under a running program."""
    text = "data_dir = 'elsewhere'\n[web]\nport = 99\n[limits]\nper_minute = 3\n"
    names = "limits.text_cooldown_s; at the next start: data_dir, web.port"
    assert await bench.reload(text) == [f"Settings read anew; changed: {names}."]
    again = "Settings read anew; nothing changed; at the next start: data_dir, web.port."
    assert await bench.reload(text) == [again]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\nper_minute = -3\n", "limits.per_minute = -3"),
        ("[limits\n", "cannot be read as TOML"),
        ("[limits]\nper_hour = 3\n", "limits.per_hour is not a setting"),
    ],
)
async def test_wrong_settings_change_nothing(bench: Bench, text: str, words: str) -> None:
    """The cause is told, and that what holds still holds."""
    said = await bench.reload(text)
    assert words in said[0]
    assert "stay as they were" in said[1]
    assert await ask(bench.parts.limits, 5) == 3


async def test_a_file_that_is_gone_changes_nothing(bench: Bench) -> None:
    """As between the two steps of an editor that writes a new file."""
    bench.file.unlink()
    await bench.reloading.reload()
    assert "no such file" in bench.said.lines[0]
    assert await ask(bench.parts.limits, 5) == 3


async def test_each_request_to_reload_is_served(bench: Bench) -> None:
    """Also one that comes while another is served."""
    asked = asyncio.Event()
    serving = asyncio.create_task(bench.reloading.serve(asked))
    for _ in range(3):
        before = len(bench.said.lines)
        asked.set()
        while len(bench.said.lines) == before:  # noqa: ASYNC110 - the terminal has no event
            await asyncio.sleep(0.001)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


def test_what_is_live_is_a_setting() -> None:
    """Every name is one, and each is taken over by the part that it belongs to."""
    assert set(dict(_flat(Settings()))) >= LIVE


def _taken(take: Callable[[Settings], object], name: str) -> bool:
    section, _, field = name.partition(".")
    old = Settings()
    value = getattr(getattr(old, section), field)
    new_value = (not value) if isinstance(value, bool) else value / 2
    changed = getattr(old, section).model_copy(update={field: new_value})
    return take(old) != take(old.model_copy(update={section: changed}))


@pytest.mark.parametrize("name", sorted(n for n in LIVE if n.startswith(("limits.", "search."))))
def test_each_live_setting_reaches_its_part(name: str) -> None:
    """A setting that is told as changed and reaches nobody would be a lie."""

    def take(settings: Settings) -> object:
        return (
            quotas(settings),
            search_rules(settings),
            cooldowns(settings),
            settings.search.results,
        )

    assert _taken(take, name)
