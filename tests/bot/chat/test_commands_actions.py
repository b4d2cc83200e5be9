"""What a button carries."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.actions import Action, ActionCodec, Kind, TextMemory
from bot.protocol.replies import ACTION_BYTES, Button
from core.domain.errors import ExpiredButton
from tests.fakes import FakeClock

ACTIONS = st.builds(
    Action,
    kind=st.sampled_from(get_args(Kind)),
    text=st.text(max_size=200),
    exclude=st.text(max_size=200),
    collection=st.from_regex(r"([a-z0-9][a-z0-9_-]{0,31})?", fullmatch=True),
    count=st.integers(1, 10),
    offset=st.integers(0, 1000),
    weak=st.booleans(),
    private=st.booleans(),
)


def codec() -> ActionCodec:
    """A codec with a memory of its own."""
    return ActionCodec(TextMemory(FakeClock()))


@given(ACTIONS)
async def test_an_action_survives_the_button(action: Action) -> None:
    """Every action comes back as it was, from at most 64 bytes."""
    both = codec()
    data = both.encode(action, "web")
    assert len(data.encode()) <= ACTION_BYTES
    assert await both.decode(data, "web") == action


@pytest.mark.parametrize(
    "action",
    [
        Action("find", "orange fruits", exclude="a | b %7C", collection="stamps", offset=45),
        Action("more_like", "0198f2c5a8e07b4d9c3e5f60718293a4", count=10, offset=990, weak=True),
        Action("similar", "", private=True),
    ],
)
async def test_common_actions_survive_a_restart(action: Action) -> None:
    """Short questions and picture ids stand in the button itself: no memory is needed."""
    assert await codec().decode(codec().encode(action, "web"), "web") == action


async def test_a_long_question_is_remembered_for_its_community_only() -> None:
    """What is too long for a button is found again there, and nowhere else."""
    both = codec()
    data = both.encode(Action("find", "long " * 30), "discord:1")
    assert (await both.decode(data, "discord:1")).text == "long " * 30
    with pytest.raises(ExpiredButton):
        await both.decode(data, "discord:2")
    with pytest.raises(ExpiredButton, match="expired"):
        await codec().decode(data, "discord:1")


async def test_memory_is_bounded_in_number_and_time() -> None:
    """Old texts go when there are too many, and all of them after their time."""
    clock = FakeClock()
    memory = TextMemory(clock, capacity=2, ttl_s=60)
    first, second, third = (memory.keep("web", text, "ann") for text in ("a", "b", "c"))
    assert await memory.recall("web", first) is None
    assert await memory.recall("web", second) == "b"
    assert memory.keep("web", "c", "ann") == third
    clock.advance(61)
    assert await memory.recall("web", third) is None


async def test_a_person_takes_their_questions_out_of_memory() -> None:
    """What others asked in the same words, here or elsewhere, stays theirs."""
    memory = TextMemory(FakeClock())
    mine = memory.keep("web", "mine", "ann")
    both = [memory.keep("web", "ours", who) for who in ("ann", "bob")]
    assert await memory.describe("ann") == [{"question": "mine"}, {"question": "ours"}]
    assert await memory.forget("ann") == 2
    assert await memory.recall("web", mine) is None
    assert await memory.recall("web", both[0]) == "ours"
    assert await memory.describe("ann") == []
    assert await memory.forget("bob") == 1
    assert await memory.recall("web", both[0]) is None


@given(st.text(max_size=80))
async def test_a_forged_action_expires(data: str) -> None:
    """Whatever comes back in a button is an action or an expired one, never a crash."""
    try:
        action = await codec().decode(data, "web")
    except ExpiredButton:
        return
    assert isinstance(action, Action)


def test_a_button_refuses_what_does_not_fit() -> None:
    """An action is 1 to 64 bytes long, counted in UTF-8."""
    assert Button("page", "Next", "é" * 32).action
    for action in ("", "é" * 33):
        with pytest.raises(ValueError, match="64 bytes"):
            Button("page", "Next", action)


def test_a_button_is_filled_to_its_last_byte() -> None:
    """The longest question that needs no memory takes all the bytes that there are."""
    longest = max(
        (codec().encode(Action("find", "a" * length), "web") for length in range(ACTION_BYTES)),
        key=lambda data: len(data) if "*" not in data else 0,
    )
    assert len(longest) == ACTION_BYTES


async def test_a_button_with_too_much_in_it_is_not_ours() -> None:
    """One field more than there are is refused, and not cut."""
    full = codec().encode(Action("find", "a", exclude="b", collection="c", posted="d"), "web")
    with pytest.raises(ExpiredButton):
        await codec().decode(f"{full}|e", "web")
