"""``tangerine doctor`` on the machine itself: its disk, its ports, its processes."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from bot.doctor.findings import Severity
from bot.doctor.machine import Address, check_address, check_data_folder
from tests.examined import the_one
from tests.galleries import Gallery
from tests.program import Program
from tests.small_disk import needs_mounts

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("empty_environment")]


@pytest.fixture
async def gallery(tmp_path: Path) -> Gallery:
    """An indexed collection and its data folder."""
    gallery = Gallery(tmp_path, name="default")
    gallery.add("red.png", "red", caption="a red thing")
    await gallery.reindex()
    return gallery


@pytest.mark.parametrize("place", ["/proc/tangerine", "{file}/data"])
async def test_a_data_folder_that_cannot_be_written(
    gallery: Gallery, tmp_path: Path, place: str
) -> None:
    """Not even by root: the setting that names another one is named."""
    (tmp_path / "file").write_text("no folder")
    folder = place.format(file=tmp_path / "file")
    found = await the_one(gallery, data_dir=folder)
    assert (found.check, found.verdict) == ("data", Severity.FAILED)
    assert "TANGERINE_DATA_DIR" in found.remedy


_LOOK = """
import sys
from pathlib import Path
from bot.doctor.machine import check_data_folder
[found] = check_data_folder(Path(sys.argv[1]))
print(found.verdict, found.message, found.remedy, sep="|")
"""


@needs_mounts
def test_a_full_disk(tmp_path: Path) -> None:
    """A real file system that is full, and one with little room: both name the remedy."""
    disk = tmp_path / "disk"
    disk.mkdir()
    look = f"{sys.executable} -c {shlex.quote(_LOOK)} {disk}/data"
    command = f"""
        mount -t tmpfs -o size=4m tmpfs {disk} && mkdir {disk}/data
        {look}
        dd if=/dev/zero of={disk}/fill bs=1M 2>/dev/null
        {look}
    """
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command],
        capture_output=True,
        text=True,
        cwd=Program(tmp_path, {}).root,
        check=False,
        timeout=100,
    )
    little, full = done.stdout.splitlines()
    for line, words in ((little, "MiB are needed"), (full, "No space left on device")):
        verdict, message, remedy = line.split("|")
        assert verdict == "failed"
        assert words in message
        assert "TANGERINE_DATA_DIR" in remedy


def test_room_is_measured_by_the_index(tmp_path: Path) -> None:
    """What is needed grows with the index, which is written anew beside the one in use."""
    index = tmp_path / "index" / "default"
    index.mkdir(parents=True)
    (index / "vectors").touch()
    os.truncate(index / "vectors", 2**30)
    verdicts = [
        check_data_folder(tmp_path, lambda _, free=free: free * 2**20)[0].verdict
        for free in (2047, 2048)
    ]
    assert verdicts == [Severity.FAILED, Severity.OK]
    (index / "vectors").unlink()
    assert check_data_folder(tmp_path, lambda _: 500 * 2**20)[0].verdict is Severity.WARNING


async def test_a_taken_port(gallery: Gallery) -> None:
    """By a program that speaks something else: the settings for another one are named."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1") as taken:
        found = await the_one(gallery, web={"port": taken.sockets[0].getsockname()[1]})
    assert (found.check, found.verdict) == ("web", Severity.FAILED)
    assert "TANGERINE_WEB_PORT" in found.remedy


async def test_a_port_of_our_own() -> None:
    """Doctor beside a running bot does not take it for a stranger."""

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    app = web.Application()
    app.router.add_get("/healthz", alive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = Address("web", "127.0.0.1", runner.addresses[0][1], "web.port")
    [running] = await check_address(address)
    await runner.cleanup()
    assert (running.verdict, "already" in running.message) == (Severity.OK, True)
    [free] = await check_address(address)
    assert "is free" in free.message


async def test_decoding_that_does_not_work(gallery: Gallery) -> None:
    """The processes that decode are started and tried, not believed in."""
    few = {"workers": 1, "max_megapixels": 1e-4}
    found = await the_one(gallery, pictures=few, words={"enabled": False})
    assert (found.check, found.verdict) == ("pictures", Severity.FAILED)
    assert "[pictures]" in found.remedy


_STARVE = """
import asyncio, os, subprocess, sys, tempfile
from bot.doctor.doctor import Doctor
from config.settings import Settings

def look(*mounts):
    for place, options in mounts:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
    if "size=4k" in str(mounts):
        with open("/dev/shm/full", "wb") as full:
            full.write(bytes(4096))
    found = asyncio.run(Doctor(Settings(model="mini"))._decoding())
    for place, _ in mounts:
        subprocess.run(["umount", "-l", place], check=True)
    one = found[0]
    print(one.verdict, one.message, one.remedy, sep="|")

look(("/dev/shm", "ro"))
look(("/dev/shm", "size=4k"))
os.chdir("/proc")  # the last place where a temporary folder would be made
if sys.argv[1:]:
    look(*((place, "ro") for place in sys.argv[1:]))
look()
"""


@needs_mounts
def test_decoding_needs_no_place_to_write(tmp_path: Path) -> None:
    """Pictures are decoded with /dev/shm and the temporary folders read-only or full."""
    root = Program(tmp_path, {}).root
    temporary = [place for place in ("/tmp", "/var/tmp", "/usr/tmp") if Path(place).is_dir()]
    if any(Path(each).is_relative_to(place) for each in (root, sys.prefix) for place in temporary):
        temporary = []  # the program itself would be hidden with them
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            sys.executable,
            "-c",
            _STARVE,
            *temporary,
        ],
        capture_output=True,
        text=True,
        cwd=root,
        env={"PATH": os.environ["PATH"]},
        check=False,
        timeout=100,
    )
    told = [line.split("|") for line in done.stdout.splitlines()]
    assert len(told) == 3 + bool(temporary), done.stderr
    assert {verdict for verdict, *_ in told} == {"ok"}
