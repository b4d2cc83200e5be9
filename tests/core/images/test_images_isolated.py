"""Whoever takes a decoder over holds a process that can do nothing but answer."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bot.i18n.messages import Words
from core.domain.errors import BadPicture, DecodingFailed
from core.domain.types import PixelSpec
from core.images.pool import DecodePool
from core.images.sandbox import Isolation
from tests.picture_work import act
from tests.pictures import encode, scene

pytestmark = pytest.mark.process

SPEC = PixelSpec(32, 32, "crop", 32)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A server on the loopback that nobody is to reach."""
    server = socket.create_server(("127.0.0.1", 0))
    yield server
    server.close()


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def demand(isolation: Isolation | None) -> None:
    """Skip where the kernel offers less; the pool says so itself."""
    assert isolation is not None
    if not isolation.whole:
        pytest.skip(str(isolation))


async def test_worker_reaches_nothing(tmp_path: Path, listening: socket.socket) -> None:
    """From inside a worker: no catalogue, no file, no socket, no program, no other process."""
    catalogue = tmp_path / "catalogue.sqlite"
    catalogue.write_text("rows")
    async with DecodePool(1, work=act) as pool:
        demand(pool.isolation)
        order = f"attack {tmp_path} {listening.getsockname()[1]}"
        assert json.loads(await pool.thumbnail(order.encode(), 1)) == []
    assert contents(tmp_path) == {"catalogue.sqlite": b"rows"}


async def test_worker_has_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens of the program are in no worker: its environment is its own."""
    monkeypatch.setenv("TELEGRAM_TOKEN", "1:secret")
    async with DecodePool(1, work=act) as pool:
        environ = json.loads(await pool.thumbnail(b"environ", 1))
        started = psutil.Process().children(recursive=True)
        assert {process.pid for process in started} > set(pool.stats().pids)
        for process in started:
            with contextlib.suppress(psutil.AccessDenied):  # as it should be
                assert "secret" not in str(process.environ())
    assert set(environ) <= {"OPENBLAS_NUM_THREADS", "LD_LIBRARY_PATH", "LC_CTYPE"}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ('{"a": "\\u001b[31m{b}", "b": 1}', "[31mIt lacks [31m{b}. {a.__class__}"),
        ('{"a": 1e300}', "[31mIt lacks 1e+300. {a.__class__}"),
        ('{"a": [1]}', "[31mIt lacks [1]. {a.__class__}"),
        ("7", "The decoder broke down over this picture."),
    ],
)
async def test_refusals_are_words_and_no_more(facts: str, said: str) -> None:
    """No control characters, no path into an object, and no number that nobody can write."""
    async with DecodePool(1, work=act) as pool:
        with pytest.raises(BadPicture) as refused:
            await pool.thumbnail(f"refuse {facts}".encode(), 1)
    assert str(refused.value).startswith(said)
    assert all(Words().error(refused.value))


async def test_answer_is_never_unpickled(tmp_path: Path) -> None:
    """A worker that answers with a pickle is ended; what the pickle would do is not done."""
    async with DecodePool(1, work=act) as pool:
        with pytest.raises(DecodingFailed):
            await pool.thumbnail(f"lie {tmp_path}".encode(), 1)
        assert pool.stats().restarts == 1
        assert (await pool.decode(encode(scene(), "PNG"), SPEC)).format == "PNG"
    assert contents(tmp_path) == {}
