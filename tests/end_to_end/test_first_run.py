"""A new user's first five minutes, as ``docs/first-bot.md`` tells them.

The commands are taken from the guide's own code blocks and typed into a terminal, with
Discord and Telegram on the loopback, until both have answered the guide's question.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import discord as discord_py
import pytest

from bot.doctor.discord import PERMISSIONS, invite_link
from bot.engine.settings_record import write_private
from config.settings import load
from core.domain.errors import SettingsError
from tests.program import Done, Program
from tests.running import ENDED_S
from tests.servers.discord_people import TOKEN as DISCORD_TOKEN
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_world import APPLICATION, Person, Server
from tests.servers.telegram import TOKEN as TELEGRAM_TOKEN
from tests.servers.telegram import TelegramServer
from tests.terminal import Screen, terminal

pytestmark = pytest.mark.process

_ROOT = Path(__file__).parents[2]
_GUIDE = (_ROOT / "docs" / "first-bot.md").read_text(encoding="utf-8")
_COMMANDS = re.findall(r"```sh\n(.+?)\n```", _GUIDE)
_QUESTIONS = re.findall(r"```chat\n(.+?)\n```", _GUIDE)
_WRONG_DISCORD = "OTAw.wrong.token-that-nobody-ever-gave-out-at-all"
_WRONG_TELEGRAM = "123456789:AAwrong_wrong_wrong_wrong_wrong_wr"

ANA = Person(11, "ana")
ADA = 11
SERVER = 5


def _environment(discord: Discord, telegram: TelegramServer) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return keep | {
        "TERM": "xterm",
        "COLUMNS": "200",
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GATEWAY_URL": discord.gateway.url,
        "TELEGRAM_API_URL": telegram.url,
        "TANGERINE_WEB_PORT": "0",
        "TANGERINE_ENCODER__THREADS": "1",
        # As that of the export which the data folder has already.
        "TANGERINE_ENCODER__BACKEND": "onnx",
        "TANGERINE_WORDS__ENABLED": "false",
        "HF_HUB_OFFLINE": "1",
    }


async def _answer_all(screen: Screen, gallery: Path) -> None:
    """Answer what init asks, some of it wrong at first."""
    rows = re.findall(r"^\| (.+?) \|", _GUIDE, re.MULTILINE)[1:]
    folder, data, model, discord_token, discord_id, telegram_token, telegram_id, who = rows
    await screen.answer(folder, "/nowhere")
    await screen.answer(folder, str(gallery))
    await screen.answer(data, "")
    await screen.answer(model, "/no/such/model")
    await screen.until("does not exist")
    await screen.answer(model, "")
    await screen.answer(discord_token, _WRONG_DISCORD, secret=True)
    await screen.until("does not accept the token")
    await screen.answer(discord_token, DISCORD_TOKEN, secret=True)
    await screen.answer(discord_id, "ana")
    await screen.until("is no id")
    await screen.answer(discord_id, str(ANA.id))
    await screen.answer(telegram_token, TELEGRAM_TOKEN, secret=True)
    await screen.answer(telegram_id, str(ADA))
    await screen.until(f"web, telegram:{ADA}")
    await screen.answer(who, f"web, discord:{SERVER}, telegram:{ADA}")


@pytest.mark.timeout(240)  # it loads the model twice
async def test_the_guide_leads_to_the_first_answer(
    new_program: Callable[[], Program], tmp_path: Path
) -> None:
    """From init to a picture on Discord and on Telegram with the guide's own commands."""
    install, init, doctor, run = _COMMANDS
    [question] = _QUESTIONS
    target = install.removeprefix("make ")
    assert re.search(rf"^{target}:", (_ROOT / "Makefile").read_text(), re.MULTILINE)
    (tmp_path / ".venv").symlink_to(_ROOT / ".venv")
    program = new_program()
    gallery = program.gallery
    # The model is assembled and exported already, which the walk of the README does anew.
    (program.folder / "data").rename(tmp_path / "data")
    telegram = TelegramServer()
    telegram.world.user(ADA)
    async with discord_with(Server(SERVER, owner=1)) as discord, telegram.running():
        environment = _environment(discord, telegram)

        async with terminal(init, tmp_path, environment) as screen:
            await _answer_all(screen, gallery)
            assert await screen.process.wait() == 0
        assert DISCORD_TOKEN not in screen.shown
        assert TELEGRAM_TOKEN not in screen.shown
        assert invite_link(APPLICATION) in screen.shown.replace("\n", "")
        assert "/setprivacy" in screen.shown
        config = tmp_path / "tangerine.toml"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        settings = load(config)
        assert settings.communities == ("web", f"discord:{SERVER}", f"telegram:{ADA}")
        assert (settings.discord.admins, settings.telegram.admins) == ((ANA.id,), (ADA,))

        async with terminal(doctor, tmp_path, environment) as screen:
            assert await screen.process.wait() == 0
        assert "tangerine_test_bot" in screen.shown
        assert "failed" not in screen.shown

        async with terminal(run, tmp_path, environment) as screen:
            for words in ("Ready", "Discord: connected", "Telegram: connected"):
                await screen.until(words)
            assert "/claim" not in screen.shown
            await _answered(discord, telegram, question)
            screen.process.send_signal(signal.SIGINT)
            async with asyncio.timeout(ENDED_S):
                assert await screen.process.wait() == 0


async def _answered(discord: Discord, telegram: TelegramServer, question: str) -> None:
    """The chats that the questions of init have named get pictures at once."""
    [server] = discord.gateway.servers
    name, _, words = question.removeprefix("/").partition(" ")

    found = await discord.answer(await discord.slash(ANA, server, name, {"query": words}))
    assert found.pictures, found.text
    await telegram.say(ADA, ADA, question)
    await telegram.until(lambda: any("photo" in m for m in telegram.world.sent), 30)


def _init(tmp_path: Path, *arguments: str, **environment: str) -> Done:
    out = ("--out", str(tmp_path / "tangerine.toml"))
    (tmp_path / "pictures").mkdir(exist_ok=True)
    return Program(tmp_path, {})(
        "init", "--yes", *out, "--gallery", tmp_path / "pictures", *arguments, **environment
    )


def _with_servers(
    work: Callable[[Discord, TelegramServer], Done],
) -> Done:
    async def serve() -> Done:
        telegram = TelegramServer()
        async with discord_with(Server(5, owner=1)) as discord, telegram.running():
            return await asyncio.to_thread(work, discord, telegram)

    return asyncio.run(serve())


def test_a_script_is_asked_nothing(tmp_path: Path) -> None:
    """With --yes, options and environment say it all; what is written is what they said."""
    done = _with_servers(
        lambda discord, telegram: _init(
            tmp_path,
            "--web-port",
            "8123",
            "--data-dir",
            str(tmp_path / 'a "strange" name'),
            DISCORD_TOKEN=DISCORD_TOKEN,
            DISCORD_API_URL=discord.api_url,
            TELEGRAM_TOKEN=TELEGRAM_TOKEN,
            TELEGRAM_API_URL=telegram.url,
        )
    )
    assert done.code == 0, done.err
    config = tmp_path / "tangerine.toml"
    written = tomllib.loads(config.read_text(encoding="utf-8"))
    assert written["discord"]["token"] == DISCORD_TOKEN
    settings = load(config)
    assert settings.web.port == 8123
    assert settings.gallery == tmp_path / "pictures"
    assert settings.data_dir == tmp_path / 'a "strange" name'
    assert settings.telegram.token is not None
    assert settings.telegram.token.get_secret_value() == TELEGRAM_TOKEN
    # Every value stands below what it means.
    lines = config.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), line


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A settings file that is there stays as it is, and is not even asked about."""
    (tmp_path / "tangerine.toml").write_text("mine")
    done = _init(tmp_path)
    assert done.code == 1
    assert "exists already" in done.err
    assert (tmp_path / "tangerine.toml").read_text() == "mine"


def test_a_file_that_appears_while_somebody_answers_is_kept(tmp_path: Path) -> None:
    """What was there at the last moment is not overwritten either, nor made readable."""
    file = tmp_path / "tangerine.toml"
    write_private(file, "first")
    with pytest.raises(SettingsError, match="exists already"):
        write_private(file, "second")
    assert file.read_text() == "first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ({"DISCORD_TOKEN": _WRONG_DISCORD}, "Discord does not accept the token"),
        ({"TELEGRAM_TOKEN": _WRONG_TELEGRAM}, "Telegram refuses the token"),
    ],
)
def test_a_wrong_token_is_refused_before_anything_is_written(
    tmp_path: Path, tokens: dict[str, str], words: str
) -> None:
    """In a script it ends the run, with the remedy and without the token."""
    done = _with_servers(
        lambda discord, telegram: _init(
            tmp_path, DISCORD_API_URL=discord.api_url, TELEGRAM_API_URL=telegram.url, **tokens
        )
    )
    assert done.code == 1
    assert words in done.err
    assert not (tmp_path / "tangerine.toml").exists()
    assert all(token not in done.err + done.out for token in tokens.values())


def test_a_platform_out_of_reach_keeps_its_token(tmp_path: Path) -> None:
    """The network may come later: the file is written, and what went wrong is told."""
    done = _init(tmp_path, TELEGRAM_TOKEN=TELEGRAM_TOKEN, TELEGRAM_API_URL="http://127.0.0.1:9")
    assert done.code == 0
    assert "cannot be reached" in done.err
    assert load(tmp_path / "tangerine.toml").telegram.token is not None


@pytest.mark.parametrize("missing", [(), ("--gallery", "/nowhere")])
def test_a_script_must_name_a_folder_that_is_there(tmp_path: Path, missing: Sequence[str]) -> None:
    """Without one, or with one that cannot be read, nothing is written."""
    out = ("--out", str(tmp_path / "tangerine.toml"))
    done = Program(tmp_path, {})("init", "--yes", *out, *missing)
    assert done.code == 1
    assert ("--gallery" in done.err) == (not missing)
    assert list(tmp_path.iterdir()) == []


def test_the_invite_asks_for_what_the_bot_needs_and_no_more() -> None:
    """Permissions and scopes by discord.py's own names for them."""
    needed = discord_py.Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        embed_links=True,
        attach_files=True,
        read_message_history=True,
    )
    assert sum(PERMISSIONS.values()) == needed.value
    theirs = discord_py.utils.oauth_url(
        APPLICATION, permissions=needed, scopes=("bot", "applications.commands")
    )
    split = [set(link.partition("?")[2].split("&")) for link in (theirs, invite_link(APPLICATION))]
    assert split[0] == split[1]
