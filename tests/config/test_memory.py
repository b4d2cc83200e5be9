"""One setting bounds what is kept only to be quicker."""

from __future__ import annotations

import platform

import pytest

from bot.app.malloc import limit_malloc_arenas
from config.memory import MIB, buffer_sizes
from config.settings import WrongSettingError, load

pytestmark = pytest.mark.usefixtures("empty_environment")


@pytest.mark.parametrize(("memory", "mib"), [("normal", 192), ("small", 24), (64, 64), (500, 500)])
def test_the_bytes_of_all_buffers_are_within_it(memory: object, mib: int) -> None:
    """Thumbnails and uploads together take what was set, and no more."""
    sizes = buffer_sizes(memory)  # type: ignore[arg-type]
    assert 0.98 * mib * MIB <= sizes.thumbnails + sizes.uploads <= mib * MIB


def test_little_memory_bounds_what_works_side_by_side() -> None:
    """A small server decodes in one process, and its threads share an arena of malloc."""
    assert (buffer_sizes("normal").decoders, buffer_sizes("normal").arenas) == (None, None)
    for little in ("small", 16, 95):
        sizes = buffer_sizes(little)  # type: ignore[arg-type]
        assert (sizes.decoders, sizes.arenas) == (1, 1)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc has arenas")
def test_malloc_takes_the_number_of_arenas() -> None:
    """The constant is the one that this C library knows."""
    assert limit_malloc_arenas(64)


def test_it_is_a_word_or_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment as well; what is neither is refused with what is allowed."""
    monkeypatch.setenv("TANGERINE_MEMORY", "small")
    assert load().buffers == buffer_sizes("small")
    monkeypatch.setenv("TANGERINE_MEMORY", "64")
    assert load().buffers == buffer_sizes(64)
    monkeypatch.setenv("TANGERINE_MEMORY", "tiny")
    with pytest.raises(WrongSettingError, match="a number of MiB"):
        load()
    monkeypatch.setenv("TANGERINE_MEMORY", "3")
    with pytest.raises(WrongSettingError, match="16"):
        load()
