"""Who may change anything: every command and button of administrators, by everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.chat.access_list import Roster
from bot.chat.actions import Action, Kind
from tests.adapters.telegram_parts import ADA, BEN, EVE, GROUP, Talk, talking
from tests.fakes import picture_bytes
from tests.servers.telegram_world import Json

FRESH = picture_bytes("cyan", seed=9, edge=64)
OTHER = picture_bytes("purple", seed=9, edge=64)

CALLERS = {
    "owner": True,
    "administrator": True,
    "anonymous administrator": True,
    "member": False,
    "demoted a moment ago": False,
    "in private": False,
}
TEXTS = {
    "add": "/add fresh",
    "remove": "/remove p0000000",
    "reindex": "/reindex",
    "status": "/status",
    "settings": "/settings --count 3",
}
HOME = f"telegram:{GROUP}"


async def _say(talk: Talk, caller: str, text: str, **content: Any) -> list[Json]:
    """Write as this caller; the answers."""
    server, before = talk.server, len(talk.sent)
    if caller == "demoted a moment ago":
        await _use_and_lose_a_right(talk)
        before = len(talk.sent)
    if caller == "anonymous administrator":
        await server.say(GROUP, None, text, **content)
    elif caller == "in private":
        await server.say(ADA, ADA, text, **content)
    else:
        user = {"owner": ADA, "member": EVE}.get(caller, BEN)
        await server.say(GROUP, user, text, **content)
    return await talk.answers(after=before)


async def _use_and_lose_a_right(talk: Talk) -> None:
    await talk.server.change_member(GROUP, BEN, "administrator", by=ADA)
    [allowed] = await talk.ask("/settings", chat=GROUP, user=BEN)
    assert "How I answer here" in allowed["text"]
    # Without a word from Telegram: the bot has to ask.
    talk.server.world.chats[GROUP].members[BEN] = "member"


def _done(talk: Talk) -> set[str]:
    """Everything that was changed or told so far."""
    parts = talk.parts
    removed, chosen = parts.contributions.removed, parts.settings.of(HOME)
    uploads = [upload.picture for upload in parts.contributions.uploads.values()]
    changes = {
        "add": any(p.caption == "fresh" and p.id not in removed for p in uploads),
        "remove": "p0000000" in removed,
        "restore": "p0000004" not in removed,
        "withdraw": any(gone.picture.caption == "other" for gone in removed.values()),
        "change": chosen.show_weak,
        "reindex": parts.reindexing.calls == [("gallery", False)],
        "status": any("Model: fake" in message.get("text", "") for message in talk.sent),
        "settings": chosen.count == 3,
    }
    return {name for name, changed in changes.items() if changed}


async def _prepared(talk: Talk) -> dict[Kind, str]:
    """Something to restore and something to withdraw; what each button is about."""
    contributions = talk.parts.contributions
    await contributions.remove("p0000004", community=HOME, remover="telegram:99")
    added = await contributions.add(OTHER, "other", community=HOME, uploader="telegram:99")
    assert _done(talk) == set()
    return {
        "add": "fresh",
        "remove": "p0000000",
        "restore": "p0000004",
        "withdraw": added.id,
        "change": "weak:show",
    }


async def _press(talk: Talk, keyboard: Json, kind: Kind, text: str, user: int) -> str:
    """Press a forged button of this keyboard; the alert, empty where it was obeyed."""
    data = talk.parts.codec.encode(Action(kind, text=text), "")
    answer = await talk.pressed(await talk.server.press(keyboard, data, user))
    await talk.idle()
    return str(answer.get("text", ""))


@pytest.mark.parametrize("caller", CALLERS)
async def test_commands_of_administrators(tmp_path: Path, caller: str) -> None:
    """The right is asked of Telegram when a command comes, and nothing else is believed."""
    async with talking(tmp_path) as talk:
        await _prepared(talk)
        expected: set[str] = set()
        for command, text in TEXTS.items():
            content = {"photo": FRESH} if command == "add" else {}
            answers = await _say(talk, caller, text, **content)
            await talk.idle()
            if CALLERS[caller]:
                expected.add(command)
            else:
                refusal = "You may not add" if command == "add" else "Only administrators may use"
                assert answers[0]["text"].startswith(refusal)
            assert _done(talk) == expected
        assert talk.parts.settings.kept.keys() <= {HOME}


@pytest.mark.parametrize("caller", CALLERS)
async def test_buttons_of_administrators(tmp_path: Path, caller: str) -> None:
    """Forged or found: a press is obeyed for those whom Telegram calls administrators now."""
    async with talking(tmp_path) as talk:
        buttons = await _prepared(talk)
        user = {"owner": ADA, "in private": ADA, "member": EVE}.get(caller, BEN)
        [keyboard] = await _say(talk, caller, "/similar", photo=FRESH)
        expected: set[str] = set()
        for kind, text in buttons.items():
            if caller == "demoted a moment ago":
                await _use_and_lose_a_right(talk)
            alert = await _press(talk, keyboard, kind, text, user)
            if CALLERS[caller]:
                expected.add(kind)
            assert bool(alert) is not CALLERS[caller]
            assert _done(talk) == expected
        assert talk.parts.settings.kept.keys() <= {HOME}


async def test_administrators_press_buttons_of_others(tmp_path: Path) -> None:
    """A member's keyboard obeys an administrator where it changes something, and only there."""
    async with talking(tmp_path) as talk:
        buttons = await _prepared(talk)
        [keyboard] = await _say(talk, "member", "/similar", photo=FRESH)
        for kind, text in buttons.items():
            assert await _press(talk, keyboard, kind, text, BEN) == ""
        assert _done(talk) == buttons.keys()
        alert = await _press(talk, keyboard, "find", "red", BEN)
        assert alert.startswith("Only the person who asked")


async def test_a_private_answer_is_no_way_around_a_demotion(tmp_path: Path) -> None:
    """Its buttons act for the group, with the rights that the presser has there now."""
    async with talking(tmp_path) as talk:
        buttons = await _prepared(talk)
        [settings] = await talk.ask("/settings", chat=GROUP, user=BEN)
        assert settings["chat"]["id"] == BEN
        talk.server.world.chats[GROUP].members[BEN] = "member"
        for kind, text in buttons.items():
            assert await _press(talk, settings, kind, text, BEN) != ""
        assert _done(talk) == set()
        await talk.server.change_member(GROUP, BEN, "administrator", by=ADA)
        assert await _press(talk, settings, "change", "weak:show", BEN) == ""
        assert _done(talk) == {"change"}
        assert talk.parts.settings.kept.keys() == {HOME}


async def test_people_whom_the_operator_lets_add(tmp_path: Path) -> None:
    """They add and withdraw their own, everywhere; nothing else, and nobody else's."""
    async with talking(tmp_path, roster=Roster(adders={EVE})) as talk:
        buttons = await _prepared(talk)
        await talk.server.say(GROUP, EVE, "/add fresh", photo=FRESH)
        [added] = await talk.answers()
        assert _done(talk) == {"add"}
        assert not talk.server.called("getChatMember")
        for kind in ("remove", "restore", "withdraw", "change"):
            alert = await _press(talk, added, kind, buttons[kind], EVE)
            assert alert.startswith("Only administrators may")
        [refused] = await talk.ask("/remove p0000000", chat=GROUP, user=EVE)
        assert refused["text"].startswith("Only administrators may use /remove here.")
        assert "text" not in await talk.press(added, "Undo", EVE)
        await talk.idle()
        assert _done(talk) == set()
        [mine] = [
            g for g in talk.parts.contributions.removed.values() if g.remover != "telegram:99"
        ]
        assert mine.picture.caption == "fresh"


async def test_operators_administer_everywhere(tmp_path: Path) -> None:
    """Also in their own chat with the bot, where nobody else administers anything."""
    async with talking(tmp_path, roster=Roster({EVE})) as talk:
        [message] = await talk.ask("/status", chat=EVE, user=EVE)
        assert "Model: fake" in message["text"]
        [message] = await talk.ask("/settings --count 2", chat=EVE, user=EVE)
        assert talk.parts.settings.of(f"telegram:{EVE}").count == 2
        assert not talk.server.called("getChatMember")


async def test_administrators_who_may_add_everywhere_undo_what_others_add(tmp_path: Path) -> None:
    """Being let in by the operator takes no right away."""
    async with talking(tmp_path, roster=Roster(adders={BEN, EVE})) as talk:
        await talk.server.say(GROUP, EVE, "/add fresh", photo=FRESH)
        [added] = await talk.answers()
        assert "text" not in await talk.press(added, "Undo", BEN)
        await talk.idle()
        assert "add" not in _done(talk)
