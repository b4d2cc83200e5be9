"""The decode pool keeps its promises when its processes do not."""

import asyncio
import contextvars
import gc
import io
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from core.domain.errors import (
    Busy,
    DecodingFailed,
    MachineBusy,
    NotAPicture,
    ShuttingDown,
    TangerineError,
    TooManyRequests,
)
from core.domain.rate_limits import CHARGED_REQUESTS, Quota, RateLimiter
from core.domain.types import PixelSpec
from core.images.formats import FORMATS
from core.images.host import FORK, ORDER
from core.images.pool import DecodePool
from tests.fakes import FakeClock
from tests.picture_work import act
from tests.pictures import SIZE, encode, scene

pytestmark = pytest.mark.process

SPEC = PixelSpec(32, 32, "crop", 32)
PNG = encode(scene(), "PNG")


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that happens in another process."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - processes set no asyncio.Event
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended (one that nobody has waited for yet has)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_64_callers_get_their_own_pictures() -> None:
    """Of 64 decodes at once each caller gets the picture it sent."""
    colours = [(3 * number, 255 - 2 * number, number) for number in range(64)]
    async with DecodePool(2) as pool:
        pictures = await asyncio.gather(
            *(pool.decode(encode(Image.new("RGB", SIZE, c), "PNG"), SPEC) for c in colours)
        )
        assert pool.stats().decoded == 64
    for picture, colour in zip(pictures, colours, strict=True):
        assert (picture.pixels == np.array(colour, np.uint8)).all()
        assert not picture.pixels.flags.writeable
        assert picture.pixels.shape == (32, 32, 3)


async def test_thumbnails_show_what_browsers_cannot() -> None:
    """HEIC and TIFF come out as JPEG within the edge."""
    async with DecodePool(1) as pool:
        for format_ in ("HEIF", "TIFF"):
            shown = await pool.thumbnail(encode(scene((300, 200)), format_), 150)
            with Image.open(io.BytesIO(shown), formats=["JPEG"]) as image:
                assert image.size == (150, 100)
        with Image.open(io.BytesIO(await pool.thumbnail(PNG, 24))) as image:
            assert image.size == (24, 16)


async def test_a_preview_comes_with_the_pixels() -> None:
    """The whole picture in its own shape, never larger than it is; none unless asked for."""
    photo = encode(scene((900, 600)), "JPEG")
    async with DecodePool(1) as pool:
        plain = await pool.decode(photo, SPEC)
        with_preview = await pool.decode(photo, SPEC, preview=120)
        small = await pool.decode(PNG, SPEC, preview=4096)
    assert plain.preview is None
    assert with_preview.preview is not None
    assert with_preview.preview.shape == (80, 120, 3)
    assert not with_preview.preview.flags.writeable
    assert np.abs(with_preview.pixels.astype(int) - plain.pixels).mean() < 1
    assert (with_preview.placeholder, with_preview.width) == (plain.placeholder, 900)
    assert small.preview is not None
    assert (small.preview == np.asarray(scene().convert("RGB"))).all()


async def test_every_format_as_it_is_and_scaled() -> None:
    """No format, scaled or not, needs anything that a worker has given up."""
    async with DecodePool(1) as pool:
        for format_ in FORMATS:
            data = encode(scene(), format_)
            for edge in (SIZE[0] // 2, 2 * SIZE[0]):
                with Image.open(io.BytesIO(await pool.thumbnail(data, edge))) as image:
                    assert image.width == min(edge, SIZE[0]), format_
            assert (await pool.decode(data, SPEC)).format == format_


async def test_killed_worker_fails_one_picture_only() -> None:
    """SIGKILL while decoding fails that picture; others and the next are untouched."""
    async with DecodePool(2, work=act) as pool:
        pid = int(await pool.thumbnail(b"pid", 1))
        doomed = asyncio.create_task(pool.thumbnail(b"sleep 30", 1))
        await until(lambda: pool.stats().busy == 1)
        other = asyncio.create_task(pool.thumbnail(b"sleep 0.5", 1))
        await until(lambda: pool.stats().busy == 2)
        await asyncio.sleep(0.2)
        # Free workers take turns: the second has the first job now.
        victim = next(p for p in pool.stats().pids if p != pid)
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(DecodingFailed) as caught:
            await doomed
        assert caught.value.remedy
        assert await other == b"slept"
        results = await asyncio.gather(*(pool.decode(PNG, SPEC) for _ in range(8)))
        assert len(results) == 8
        await until(lambda: pool.stats().alive == 2)
        assert pool.stats().restarts == 1
        assert victim not in pool.stats().pids


async def test_crashing_picture_fails_alone() -> None:
    """A decoder that aborts its process, again and again, fails its own pictures only."""
    async with DecodePool(2, work=act) as pool:
        results = await asyncio.gather(
            *(pool.thumbnail(source, 8) for source in [b"die", PNG, PNG, b"die", PNG, PNG]),
            return_exceptions=True,
        )
        kinds = [type(result) for result in results]
        assert kinds == [DecodingFailed, bytes, bytes, DecodingFailed, bytes, bytes]
        assert pool.stats().failed == {"decoding_failed": 2}


async def test_worker_killed_while_idle_is_replaced() -> None:
    """Death between two pictures fails none; the pool says so and heals by itself."""
    async with DecodePool(1) as pool:
        (first,) = pool.stats().pids
        os.kill(first, signal.SIGKILL)
        await pool.decode(PNG, SPEC)  # at once: the death may not even be known yet
        (second,) = pool.stats().pids
        os.kill(second, signal.SIGKILL)
        await until(lambda: not pool.healthy())
        assert pool.stats().alive == 0
        await until(pool.healthy)  # nobody asked for a picture
        await pool.decode(PNG, SPEC)
        assert pool.stats().restarts == 2
        assert not pool.stats().failed


async def test_hanging_decode_is_cut_at_the_time_limit() -> None:
    """A decoder that never ends costs its picture the limit, and nobody else anything."""
    async with DecodePool(1, timeout_s=0.5, waits=200, work=act) as pool:
        (stuck,) = pool.stats().pids
        started = time.monotonic()
        with pytest.raises(DecodingFailed, match=r"0\.5 s"):
            await pool.thumbnail(b"hang", 1)
        assert 0.4 < time.monotonic() - started < 50
        await pool.decode(PNG, SPEC)
        await until(lambda: gone(stuck))
        assert pool.stats().restarts == 1


async def test_a_busy_machine_is_not_held_against_a_picture() -> None:
    """The limit counts what the worker uses of a processor; waiting for one costs no quota."""
    limits = RateLimiter(Quota({}, per_minute=20), FakeClock())
    async with DecodePool(1, timeout_s=0.2, waits=200, work=act) as pool:
        assert await pool.thumbnail(b"sleep 0.6", 1) == b"slept"
        assert pool.stats().restarts == 0
    async with DecodePool(1, timeout_s=0.2, waits=2, work=act) as pool:
        with pytest.raises(MachineBusy, match=r"too busy.* 0\.4 s"):
            await asyncio.create_task(
                pool.thumbnail(b"sleep 60", 1), context=await admitted(limits, "a")
            )
    for _ in range(19):
        await admitted(limits, "a")


async def test_workers_are_replaced_in_turn() -> None:
    """After its share of pictures a worker is replaced, which no caller notices."""
    async with DecodePool(1, jobs_per_worker=3, work=act) as pool:
        pids = [await pool.thumbnail(b"pid", 1) for _ in range(7)]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
        assert pool.stats().restarts == 0


async def test_bug_in_a_worker_is_answered() -> None:
    """An exception that no decoder raises is an error for its caller, not for the pool."""
    async with DecodePool(1, work=act) as pool:
        with pytest.raises(DecodingFailed):
            await pool.thumbnail(b"bug", 1)
        await pool.decode(PNG, SPEC)
        assert pool.stats().restarts == 0


async def test_caller_that_leaves_harms_nobody() -> None:
    """Cancelling frees a place in the queue at once, and a worker when its picture is done."""
    async with DecodePool(1, work=act) as pool:
        pids = pool.stats().pids
        running = asyncio.create_task(pool.thumbnail(b"sleep 0.5", 1))
        await until(lambda: pool.stats().busy == 1)
        waiting = [asyncio.create_task(pool.decode(PNG, SPEC)) for _ in range(6)]
        await until(lambda: pool.stats().waiting == 6)
        for task in (running, *waiting[::2]):
            task.cancel()
        results = await asyncio.gather(running, *waiting, return_exceptions=True)
        cancelled = [isinstance(result, asyncio.CancelledError) for result in results]
        assert cancelled == [True, True, False, True, False, True, False]
        await until(lambda: pool.stats().busy == 0)
        assert pool.stats().waiting == 0
        assert pool.stats().pids == pids


async def test_caller_that_leaves_while_workers_start_harms_nobody() -> None:
    """Of a pool that starts them with the first picture: the next one is decoded."""
    async with DecodePool(1, work=act, waits_for_pictures=True) as pool:
        first = asyncio.create_task(pool.decode(PNG, SPEC))
        await asyncio.sleep(0)
        first.cancel()
        assert isinstance(*await asyncio.gather(first, return_exceptions=True),
                          asyncio.CancelledError)  # fmt: skip
        assert (await pool.decode(PNG, SPEC)).pixels.shape[2] == 3
        assert pool.stats().alive == 1


async def test_closing_answers_everybody() -> None:
    """Who is being served, who waits and who comes later: all hear ShuttingDown."""
    pool = DecodePool(1, work=act)
    async with pool:
        pids = pool.stats().pids
        tasks = [asyncio.create_task(pool.thumbnail(b"hang", 1)) for _ in range(4)]
        await until(lambda: pool.stats().waiting == 3)
        started = time.monotonic()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ShuttingDown] * 4
    assert time.monotonic() - started < 5
    assert all(gone(pid) for pid in pids)
    assert not pool.healthy()
    with pytest.raises(ShuttingDown):
        await pool.decode(PNG, SPEC)
    await pool.close()


async def test_too_much_waiting_is_turned_away_at_once() -> None:
    """Uploads that wait may take so many bytes; files take none and always wait."""
    async with DecodePool(1, max_waiting_bytes=2 * len(PNG), work=act) as pool:
        running = asyncio.create_task(pool.thumbnail(b"sleep 0.5", 1))
        await until(lambda: pool.stats().busy == 1)
        waiting = [asyncio.create_task(pool.decode(PNG, SPEC)) for _ in range(2)]
        missing = asyncio.create_task(pool.decode(Path("/none"), SPEC))
        await until(lambda: pool.stats().waiting == 3)
        with pytest.raises(Busy) as caught:
            await pool.decode(PNG, SPEC)
        assert caught.value.retry_after > 0
        await asyncio.gather(running, *waiting)
        with pytest.raises(TangerineError, match="no such file"):
            await missing
        await pool.decode(PNG, SPEC)


async def test_a_stop_is_the_programs_business() -> None:
    """Ctrl-C reaches every process of a terminal, SIGTERM every one of a service.

    The host of the workers and they themselves go on until they are told.
    """
    async with DecodePool(1, work=act) as pool:
        running = asyncio.create_task(pool.thumbnail(b"sleep 0.5", 1))
        await until(lambda: pool.stats().busy == 1)
        [worker] = pool.stats().pids
        host = psutil.Process(worker).ppid()
        assert os.getpgid(host) == os.getpgid(worker) == host != os.getpgrp()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.killpg(host, number)
        assert await running == b"slept"
        assert pool.stats().restarts == 0
        assert pool.stats().pids == (worker,)


async def test_a_host_that_is_not_wanted_any_more_ends_quietly() -> None:
    """Where the program closes its end while a worker is being started, nobody is told."""
    ours, theirs = socket.socketpair()
    with theirs:
        options = {"memory_bytes": 1 << 30, "max_pixels": 1, "work": "core.images.worker:perform"}
        host = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from core.images.host import main; main()"),
            *(str(theirs.fileno()), json.dumps(options)),
            pass_fds=[theirs.fileno()],
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
    one, other = socket.socketpair()
    with one, other, ours:
        socket.send_fds(ours, [ORDER.pack(FORK, 0)], [other.fileno()])
    _, told = await host.communicate()
    assert (host.returncode, told) == (0, b"")


async def test_workers_load_little() -> None:
    """A worker starts without torch, FAISS or any web or database library."""
    async with DecodePool(1, work=act) as pool:
        modules = {
            name.partition(".")[0]
            for name in (await pool.thumbnail(b"modules", 1)).decode().split()
        }
    heavy = {"torch", "transformers", "faiss", "aiohttp", "sqlalchemy", "matplotlib", "pydantic"}
    assert not modules & heavy


async def test_worker_that_cannot_start_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """A pool whose workers cannot start says so, for all at once, and does not wait for ever."""
    with pytest.raises(TangerineError, match="could not be started") as caught:
        async with DecodePool(2, memory_bytes=1 << 70):
            pass
    assert caught.value.remedy
    gc.collect()
    assert "never retrieved" not in caplog.text


@pytest.mark.parametrize("name", ["workers", "timeout_s", "memory_bytes", "max_bytes"])
def test_limits_are_positive(name: str) -> None:
    """No worker at all, or no time for it, is a mistake of the caller."""
    options: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match="positive"):
        DecodePool(**options)


async def test_thumbnail_has_at_least_a_pixel() -> None:
    """An edge of nothing is a mistake of the caller, found before a worker is asked."""
    async with DecodePool(1) as pool:
        with pytest.raises(ValueError, match="at least 1"):
            await pool.thumbnail(PNG, 0)


ORPHANED = """
import asyncio
from core.images.host import FORK, ORDER
from core.images.pool import DecodePool
from tests.picture_work import act

async def main():
    async with DecodePool(2, timeout_s=600, work=act) as pool:
        task = asyncio.create_task(pool.thumbnail(b"hang", 1))
        await asyncio.sleep(0.5)
        print(*pool.stats().pids, flush=True)
        await task

asyncio.run(main())
"""


async def test_workers_end_with_their_parent() -> None:
    """A parent that is killed leaves no worker behind, idle or busy."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ORPHANED,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert program.stdout is not None
    pids = [int(pid) for pid in (await program.stdout.readline()).split()]
    assert len(pids) == 2
    assert not any(gone(pid) for pid in pids)
    program.kill()
    await program.wait()
    await until(lambda: all(gone(pid) for pid in pids))


async def admitted(limits: RateLimiter, requester: str) -> contextvars.Context:
    """A context in which this person asks."""
    context = contextvars.copy_context()
    await asyncio.create_task(limits.admit(requester, "picture"), context=context)
    return context


async def test_one_person_holds_one_worker() -> None:
    """Whoever posts many slow pictures waits for the former one; somebody else does not."""
    limits = RateLimiter(Quota({}), FakeClock())
    async with DecodePool(2, work=act) as pool:
        first = await admitted(limits, "a")
        slow = [
            asyncio.create_task(pool.thumbnail(b"sleep 30", 1), context=first) for _ in range(6)
        ]
        await until(lambda: pool.stats().waiting == 5)
        other = asyncio.create_task(pool.decode(PNG, SPEC), context=await admitted(limits, "b"))
        assert (await other).format == "PNG"
        assert await asyncio.create_task(pool.thumbnail(PNG, 8))  # nobody's: the operator's own
        assert pool.stats().busy == 1
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_a_person_goes_on_after_a_failure() -> None:
    """A picture that fails, or whose caller left, gives its turn to the next one."""
    context = await admitted(RateLimiter(Quota({}), FakeClock()), "a")
    async with DecodePool(2, work=act) as pool:
        orders = [b"sleep 1", b"sleep 9", b"die", b"bug", PNG]
        tasks = [asyncio.create_task(pool.thumbnail(each, 8), context=context) for each in orders]
        await until(lambda: pool.stats().waiting == 4)
        tasks[1].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        kinds = [type(result) for result in results]
        failed = [DecodingFailed, DecodingFailed]
        assert kinds == [bytes, asyncio.CancelledError, *failed, bytes]


async def test_a_lost_worker_counts_for_the_quota() -> None:
    """A picture that is cut off counts as ten more requests, one that is refused as itself."""
    clock = FakeClock()
    limits = RateLimiter(Quota({}, per_minute=20), clock)
    async with DecodePool(1, timeout_s=0.3, waits=200, work=act) as pool:
        with pytest.raises(DecodingFailed):
            await asyncio.create_task(
                pool.thumbnail(b"hang", 1), context=await admitted(limits, "a")
            )
        with pytest.raises(NotAPicture):
            await asyncio.create_task(pool.thumbnail(b"no", 1), context=await admitted(limits, "a"))
    for _ in range(20 - 1 - CHARGED_REQUESTS - 1):
        await admitted(limits, "a")
    with pytest.raises(TooManyRequests):
        await admitted(limits, "a")
    await admitted(limits, "b")
