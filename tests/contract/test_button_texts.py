"""What buttons stand for that is too long for one, at nodes that share a database."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bot.chat.actions import Action, ActionCodec, key_of
from core.domain.errors import ExpiredButton
from index.catalogue.database import Database
from index.catalogue.shared_texts import SharedTexts

pytestmark = pytest.mark.process

LONG = Action("find", text="long " * 30)
HERE = "discord:1"


async def test_a_button_works_at_the_other_node(nodes: list[Database]) -> None:
    """Also after the node that showed it is gone; in its own community alone, for a day."""
    shown = ActionCodec(SharedTexts(nodes[0], key_of))
    data = shown.encode(LONG, HERE, "discord:ann")
    await shown.settle()
    pressed = ActionCodec(SharedTexts(nodes[1], key_of))
    assert await pressed.decode(data, HERE) == LONG
    with pytest.raises(ExpiredButton):
        await pressed.decode(data, "discord:2")
    with nodes[0].write() as connection:
        connection.execute(text("UPDATE button_texts SET used = used - 86401"))
    with pytest.raises(ExpiredButton):
        await pressed.decode(data, HERE)
    shown.encode(Action("find", text="another " * 20), HERE, "discord:ann")
    await shown.settle()
    with nodes[0].read() as connection:
        assert connection.execute(text("SELECT count(*) FROM button_texts")).scalar() == 1


async def test_a_person_is_forgotten_at_every_node(nodes: list[Database]) -> None:
    """What others asked in the same words stays theirs."""
    one, two = (SharedTexts(each, key_of) for each in nodes)
    key = one.keep(HERE, "ours", "ann")
    one.keep(HERE, "mine", "ann")
    await one.settle()
    assert two.keep(HERE, "ours", "bob") == key
    await two.settle()
    told = await two.describe("ann")
    assert sorted(str(each["question"]) for each in told) == ["mine", "ours"]
    assert await two.forget("ann") == 2
    assert await one.recall(HERE, key_of("mine")) is None
    assert await one.recall(HERE, key) == "ours"
    assert await one.forget("bob") == 1
    assert await two.recall(HERE, key) is None
