"""``tangerine doctor``: faults are planted for real, and each is found with its remedy.

Discord, Telegram and the model hub are the loopback servers; index, catalogue, folders,
ports and decoding processes are the real ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.doctor.doctor import Doctor
from bot.doctor.findings import Finding, Severity, failed, findings_of
from config.files import config_file
from config.settings import load
from core.domain.types import CommunitySettings
from tests.checkpoints import tiny_dual
from tests.examined import examine, ill, the_one
from tests.galleries import Gallery
from tests.program import Program
from tests.servers.discord_gateway import MESSAGE_CONTENT
from tests.servers.discord_people import TOKEN as DISCORD_TOKEN
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_store import Fault
from tests.servers.discord_world import APPLICATION, Server
from tests.servers.model_hub import running_hub
from tests.servers.telegram import TOKEN as TELEGRAM_TOKEN
from tests.servers.telegram import TelegramServer
from tests.servers.telegram_hook import Hook
from tests.servers.telegram_world import BOT_ID

_WRONG_DISCORD = "OTAw.wrong.token-that-nobody-ever-gave-out-at-all"
_WRONG_TELEGRAM = "123456789:AAwrong_wrong_wrong_wrong_wrong_wr"
_NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens


pytestmark = [pytest.mark.model, pytest.mark.usefixtures("empty_environment")]


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """An indexed collection and its data folder."""
    gallery = Gallery(tmp_path, name="default")
    for number, colour in enumerate(("red", "green", "blue")):
        gallery.add(f"{colour}.png", colour, number, caption=f"a {colour} thing")
    await gallery.reindex()
    return gallery


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    """A Discord with one server."""
    async with discord_with(Server(5, owner=1)) as discord:
        yield discord


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    """A Telegram whose bot hears everything in groups."""
    server = TelegramServer(privacy=False)
    async with server.running():
        yield server


async def test_an_installation_that_is_well_is_told_so(
    gallery: Gallery, discord: Discord, telegram: TelegramServer
) -> None:
    """Every subject is looked at, nothing is found, and the bot is named as the platforms do."""
    findings = await examine(
        gallery,
        discord={"token": DISCORD_TOKEN, "api_url": discord.api_url, "message_content": True},
        telegram={"token": TELEGRAM_TOKEN, "api_url": telegram.url},
        words={"enabled": True},
    )
    assert ill(findings) == []
    assert [finding.check for finding in findings] == [
        "settings", "data", "model", "device", "pictures", "videos", "words", "collections",
        "index", "web", "discord", "telegram",
    ]  # fmt: skip
    said = {finding.check: finding.message for finding in findings}
    assert "tangerine" in said["discord"]
    assert "@tangerine_test_bot" in said["telegram"]
    assert "3 pictures" in said["collections"]
    assert "processes of their own" in said["words"]


async def test_it_changes_nothing(gallery: Gallery) -> None:
    """Neither files nor folders are there afterwards that were not before."""

    def everything() -> dict[Path, bytes]:
        return {f: f.read_bytes() for f in gallery.data.parent.rglob("*") if f.is_file()}

    gallery.catalogue.close()
    before = everything()
    await examine(gallery)
    await examine(gallery, data_dir=gallery.data.parent / "new")
    new = {f for f in everything() if f not in before and f.suffix not in {"-wal", "-shm"}}
    assert {f.name for f in new} <= {"catalogue.sqlite-wal", "catalogue.sqlite-shm"}
    assert not (gallery.data.parent / "new").exists()
    assert {f: data for f, data in everything().items() if f in before} == before


# Discord


async def test_a_wrong_discord_token(gallery: Gallery, discord: Discord) -> None:
    """Discord refuses it: the remedy says where the right one is."""
    found = await the_one(gallery, discord={"token": _WRONG_DISCORD, "api_url": discord.api_url})
    assert (found.check, found.verdict) == ("discord", Severity.FAILED)
    assert "DISCORD_TOKEN" in found.remedy
    assert "Reset Token" in found.remedy


async def test_a_missing_intent(gallery: Gallery, discord: Discord) -> None:
    """The settings promise to hear all messages, the portal does not grant it."""
    discord.gateway.allowed = 0
    found = await the_one(
        gallery,
        discord={"token": DISCORD_TOKEN, "api_url": discord.api_url, "message_content": True},
    )
    assert (found.check, found.verdict) == ("discord", Severity.FAILED)
    assert "Message Content Intent" in found.remedy
    # Where they do not promise it, nothing is missing.
    settings = {"token": DISCORD_TOKEN, "api_url": discord.api_url, "message_content": False}
    assert ill(await examine(gallery, discord=settings)) == []


async def test_a_bot_in_no_server_gets_its_invite(gallery: Gallery, discord: Discord) -> None:
    """The remedy is the link that lets it in."""
    discord.gateway.servers.clear()
    found = await the_one(gallery, discord={"token": DISCORD_TOKEN, "api_url": discord.api_url})
    assert found.verdict is Severity.WARNING
    assert f"client_id={APPLICATION}" in found.remedy


async def test_an_api_that_fails_is_not_a_wrong_token(gallery: Gallery, discord: Discord) -> None:
    """HTTP 500 is told as what it is."""
    discord.rest.faults.append(Fault("users/@me", status=500))
    found = await the_one(gallery, discord={"token": DISCORD_TOKEN, "api_url": discord.api_url})
    assert "HTTP 500" in found.message
    assert "DISCORD_TOKEN" not in found.remedy


@pytest.mark.parametrize(
    ("platform", "token"), [("discord", DISCORD_TOKEN), ("telegram", TELEGRAM_TOKEN)]
)
async def test_an_unreachable_platform(gallery: Gallery, platform: str, token: str) -> None:
    """The host is named and what to check, the token in neither."""
    found = await the_one(gallery, **{platform: {"token": token, "api_url": _NOBODY}})
    assert (found.check, found.verdict) == (platform, Severity.FAILED)
    assert "127.0.0.1:9" in found.message
    assert f"{platform.upper()}_API_URL" in found.remedy
    assert token not in repr(found)


# Telegram


async def test_a_wrong_telegram_token(gallery: Gallery, telegram: TelegramServer) -> None:
    """Telegram refuses it: the remedy says where the right one is."""
    found = await the_one(gallery, telegram={"token": _WRONG_TELEGRAM, "api_url": telegram.url})
    assert (found.check, found.verdict) == ("telegram", Severity.FAILED)
    assert "@BotFather" in found.remedy
    assert _WRONG_TELEGRAM not in repr(found)


async def test_privacy_mode(gallery: Gallery, telegram: TelegramServer) -> None:
    """The bot runs, but hears less than somebody may expect: a warning with the way out."""
    telegram.world.privacy = True
    found = await the_one(gallery, telegram={"token": TELEGRAM_TOKEN, "api_url": telegram.url})
    assert (found.check, found.verdict) == ("telegram", Severity.WARNING)
    assert "/setprivacy" in found.remedy


async def test_posts_that_discord_does_not_show(gallery: Gallery, discord: Discord) -> None:
    """Wherever /index is on, with what has to be switched on: the intent, the setting, or both."""
    await gallery.settings.save("discord:5", CommunitySettings(index_posts=True))
    said = {}
    for granted, asked_for in ((False, False), (False, True), (True, False)):
        discord.gateway.allowed = MESSAGE_CONTENT if granted else 0
        settings = {
            "token": DISCORD_TOKEN,
            "api_url": discord.api_url,
            "message_content": asked_for,
        }
        found = await the_one(gallery, discord=settings)
        assert (found.check, found.verdict) == ("discord", Severity.FAILED)
        assert "/index is on" in found.message
        said[granted, asked_for] = found.remedy
    intent, setting = "Message Content Intent", "discord.message_content = true"
    assert intent in said[False, False]
    assert setting in said[False, False]
    assert (intent in said[False, True], setting in said[False, True]) == (True, False)
    assert (intent in said[True, False], setting in said[True, False]) == (False, True)


async def test_posts_that_telegram_does_not_show(
    gallery: Gallery, telegram: TelegramServer
) -> None:
    """In privacy mode, and in channels, an administrator alone hears them."""
    group, channel = -1001234567890, -1005555555555
    telegram.world.user(11)
    telegram.world.group(group, {11: "creator"})
    telegram.world.channel(channel, {11: "creator"})
    settings = {"token": TELEGRAM_TOKEN, "api_url": telegram.url}
    for chat in (group, channel):
        await gallery.settings.save(f"telegram:{chat}", CommunitySettings(index_posts=True))
        telegram.world.chats[chat].members[BOT_ID] = "member"
    found = await the_one(gallery, telegram=settings)
    assert "administrator" in found.remedy
    assert "/setprivacy" not in found.remedy
    telegram.world.chats[channel].members[BOT_ID] = "administrator"
    assert ill(await examine(gallery, telegram=settings)) == []
    telegram.world.privacy = True
    of_posts = [f for f in ill(await examine(gallery, telegram=settings)) if "/index" in f.remedy]
    assert ["/setprivacy" in each.remedy for each in of_posts] == [True]


async def test_a_webhook_that_fails(gallery: Gallery, telegram: TelegramServer) -> None:
    """What Telegram could not deliver within the hour is told; what is older is not."""
    hook = Hook("https://bot.example.org/", "", [], [], "Connection refused", int(time.time()))
    telegram.world.hook = hook
    settings = {
        "token": TELEGRAM_TOKEN,
        "api_url": telegram.url,
        "webhook_url": "https://bot.example.org/",
        "webhook_port": 0,
    }
    found = await the_one(gallery, telegram=settings)
    assert "Connection refused" in found.message
    assert "certificate" in found.remedy
    hook.error_at -= 7200
    assert ill(await examine(gallery, telegram=settings)) == []


async def test_somebody_elses_webhook(gallery: Gallery, telegram: TelegramServer) -> None:
    """Before polling takes over, the address that gets the updates now is named."""
    telegram.world.hook = Hook("https://old.example.org/secret-path", "", [], [])
    found = await the_one(gallery, telegram={"token": TELEGRAM_TOKEN, "api_url": telegram.url})
    assert "old.example.org" in found.message
    assert "secret-path" not in found.message


# Model and device


async def test_a_model_folder_that_is_missing(gallery: Gallery) -> None:
    """The folder and the way out are named."""
    found = await the_one(gallery, model="/nowhere/model")
    assert (found.check, found.verdict) == ("model", Severity.FAILED)
    assert "/nowhere/model" in found.message
    assert "TANGERINE_MODEL" in found.remedy


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "preprocessor_config.json").unlink(),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: os.truncate(folder / "model.safetensors", 5000),
    ],
    ids=["preprocessing", "configuration", "weights"],
)
async def test_a_model_that_is_damaged(
    gallery: Gallery, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    """A file is missing or cut off: told without loading the model."""
    folder = tiny_dual(tmp_path / "model")
    assert ill(await examine(gallery, model=str(folder))) == []
    damage(folder)
    found = await the_one(gallery, model=str(folder))
    assert (found.check, found.verdict) == ("model", Severity.FAILED)
    assert "TANGERINE_MODEL" in found.remedy


_ASK = """
import sys
from bot.doctor.machine import check_model
for model in sys.argv[1:]:
    [found] = check_model(model)
    print(found.verdict, found.message, found.remedy, sep="|")
"""


async def test_a_model_that_is_not_here_yet(tmp_path: Path) -> None:
    """What the hub has is a warning, what it does not have or cannot say a failure."""
    folder = tiny_dual(tmp_path / "model")

    async def told(endpoint: str, *models: str) -> list[list[str]]:
        # Its client reads the address at import, so in a process of its own.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _ASK, *models),
            env={
                "HF_ENDPOINT": endpoint,
                "HF_HOME": str(tmp_path / "hub"),
                "NO_PROXY": "127.0.0.1",
            },
            cwd=Program(tmp_path, {}).root,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return [line.split("|") for line in out.decode().splitlines()]

    with running_hub({"somebody/tiny": folder}) as hub:
        (there, absent), (cut,) = await asyncio.gather(
            told(hub.url, "somebody/tiny", "somebody/else"), told(_NOBODY, "somebody/tiny")
        )
    assert (there[0], "downloads" in there[2]) == ("warning", True)
    assert (absent[0], "no model" in absent[1]) == ("failed", True)
    assert (cut[0], "network" in cut[2]) == ("failed", True)
    assert all("TANGERINE_MODEL" in remedy for _, _, remedy in (absent, cut))


async def test_a_gpu_that_is_not_there(gallery: Gallery) -> None:
    """Asked for, not seen by torch."""
    import torch  # noqa: PLC0415 - slow, and only here

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    found = await the_one(gallery, device="cuda")
    assert (found.check, found.verdict) == ("device", Severity.FAILED)
    assert "TANGERINE_DEVICE" in found.remedy


# Collections and index


async def test_a_missing_gallery(gallery: Gallery) -> None:
    """The folder is named and what to check."""
    shutil.rmtree(gallery.pictures)
    found = await the_one(gallery)
    assert (found.check, found.verdict) == ("collections", Severity.FAILED)
    assert str(gallery.pictures) in found.message
    assert "mounted" in found.remedy
    gallery.pictures.mkdir()
    assert (await the_one(gallery)).verdict is Severity.WARNING  # empty
    nothing_named = Doctor(load(data_dir=gallery.data, model="mini", web={"port": 0}))
    [found] = ill([finding async for finding in nothing_named.findings()])
    assert "TANGERINE_GALLERY" in found.remedy


async def test_a_collection_for_a_platform_without_a_token(
    gallery: Gallery, tmp_path: Path
) -> None:
    """Its people would wait in vain."""
    (tmp_path / "shop").mkdir()
    shutil.copy(gallery.pictures / "red.png", tmp_path / "shop")
    shop = {"name": "shop", "folder": tmp_path / "shop", "communities": ("telegram:-5", "web")}
    found = await the_one(gallery, collections=(shop,))
    assert "telegram:-5" in found.message
    assert "TELEGRAM_TOKEN" in found.remedy


async def test_a_collection_that_is_open_to_everybody(gallery: Gallery) -> None:
    """By the settings, or kept so at an upgrade: with the line that closes it."""
    found = await the_one(gallery, communities=("web", "*"))
    assert "Everybody who finds the bot" in found.message
    assert 'communities = ["web", "telegram:<chat>"]' in found.remedy
    await gallery.grants.grant("default", "*", "kept")
    found = await the_one(gallery)
    assert "as before the upgrade" in found.message
    assert "tangerine allow '*' --off --collection default" in found.remedy
    assert ill(await examine(gallery, communities=("web",))) == []


async def test_who_was_let_in_is_told(gallery: Gallery) -> None:
    """What was granted in a chat is no secret of the catalogue's."""
    await gallery.grants.grant("default", "telegram:-5", "claim")
    found = [each.message for each in await examine(gallery)]
    assert "default: telegram:-5 was let in (claim)." in found


async def test_a_damaged_index(gallery: Gallery) -> None:
    """A byte of the derived files is wrong: what repairs it is named."""
    file = max(gallery.index.rglob("*.faiss"), key=lambda path: path.stat().st_size)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    found = await the_one(gallery)
    assert (found.check, found.verdict) == ("index", Severity.FAILED)
    assert "damaged" in found.message
    assert "tangerine verify --repair" in found.remedy


async def test_a_damaged_catalogue(gallery: Gallery) -> None:
    """The database itself is torn."""
    gallery.catalogue.close()
    file = gallery.data / "catalogue.sqlite"
    data = bytearray(file.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    file.write_bytes(data)
    found = await the_one(gallery)
    assert (found.check, found.verdict) == ("index", Severity.FAILED)
    assert "backup" in found.remedy


async def test_a_catalogue_of_another_version(gallery: Gallery) -> None:
    """An older one is not upgraded by looking at it; a newer one says whether it can be used."""
    gallery.catalogue.close()
    file = gallery.data / "catalogue.sqlite"

    def set_version(version: int) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE schema_version SET version = ?", (version,))

    with closing(sqlite3.connect(file)) as connection:
        (present,) = connection.execute("SELECT version FROM schema_version").fetchone()
    set_version(present - 1)
    found = await the_one(gallery)
    assert (found.check, found.verdict) == ("index", Severity.WARNING)
    assert "Back" in found.remedy
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchone() == (present - 1,)
    set_version(present + 1)
    found = await the_one(gallery)
    assert (found.verdict, found.remedy) == (Severity.WARNING, "Update this program, too.")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE schema_version SET oldest = version")
    assert (await the_one(gallery)).verdict is Severity.FAILED


# Settings and the command itself


def test_a_wrong_setting(tmp_path: Path) -> None:
    """It is the finding, by name, and the exit code is 1."""
    program = Program(tmp_path, {"TANGERINE_GALERY": "x"})
    done = program("doctor", "--json")
    told = json.loads(done.out)
    assert (done.code, told["ok"]) == (1, False)
    [check] = told["checks"]
    assert "did you mean TANGERINE_GALLERY?" in check["message"]
    assert check["remedy"]


def test_a_token_that_others_may_read(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A settings file with a token belongs to its owner alone."""
    config = tmp_path / "tangerine.toml"
    config.write_text(
        f'data_dir = "{gallery.data}"\ngallery = "{gallery.pictures}"\nmodel = "mini"\n'
        '[web]\nport = 0\ntoken = "0123456789abcdef"\n'
    )
    config.chmod(0o644)
    program = Program(tmp_path, {"TANGERINE_CONFIG": str(config)})
    done = program("doctor")
    assert done.code == 0, done.out
    assert f"chmod 600 {config}" in done.out
    config.chmod(0o600)
    assert "chmod" not in program("doctor").out
    monkeypatch.setenv("TANGERINE_CONFIG", str(config))
    assert config_file() == config


async def test_a_check_that_breaks_is_a_finding() -> None:
    """The others are told all the same, and what the error quotes is not."""

    async def broken() -> list[Finding]:
        raise RuntimeError(f"https://api.telegram.org/bot{TELEGRAM_TOKEN}/getMe")

    [found] = await findings_of("telegram", broken)
    assert found == failed("telegram", "This check broke (RuntimeError).", found.remedy)
