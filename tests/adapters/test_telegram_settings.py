"""Settings of a group and a person's own data, on the real path."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.telegram_parts import (
    ADA,
    BEN,
    EVE,
    GROUP,
    Talk,
    data_of,
    labels,
    photos_of,
    talking,
)
from tests.fakes import picture_bytes
from tests.servers.telegram import Fault

CYAN = picture_bytes("cyan", seed=9, edge=64)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot; Ada owns the group."""
    async with talking(tmp_path) as running:
        yield running


async def test_settings_are_one_message_that_is_edited(talk: Talk) -> None:
    """In the administrator's own chat; every press turns one over, for the group."""
    [message] = await talk.ask("/settings", chat=GROUP)
    assert message["chat"]["id"] == ADA
    assert "Weak matches: shown when asked for" in message["text"]
    assert labels(message) == ["Answer every photo here", "Show weak matches"]
    await talk.press(message, "Show weak")
    await talk.server.until(lambda: "Weak matches: shown at once" in message["text"])
    assert labels(message) == ["Answer every photo here", "Hide weak matches"]
    await talk.press(message, "Answer every")
    await talk.server.until(lambda: "every one is answered" in message["text"])
    kept = talk.parts.settings.kept
    assert kept.keys() == {f"telegram:{GROUP}"}
    assert kept[f"telegram:{GROUP}"].show_weak
    assert kept[f"telegram:{GROUP}"].photo_channels == {f"telegram:{GROUP}"}
    await talk.idle()
    assert len(talk.sent) == 2


async def test_a_setting_holds_for_the_next_question(talk: Talk) -> None:
    """The number of results of a group, and of no other chat."""
    await talk.ask("/settings --count 2", chat=GROUP)
    *_, last = await talk.ask("/find red", 3, chat=GROUP, user=EVE)
    assert "1–2" in last["text"]  # noqa: RUF001 - a range
    *_, last = await talk.ask("/find red", 6, chat=EVE, user=EVE)
    assert "1–5" in last["text"]  # noqa: RUF001 - a range


async def test_settings_whose_message_is_gone_come_anew(talk: Talk) -> None:
    """The press is obeyed, and shown in another message that can be pressed too."""
    [message] = await talk.ask("/settings", chat=GROUP)
    talk.server.world.delete(message)
    assert "text" not in await talk.press(message, "Show weak")
    [_, anew] = await talk.answers(2)
    assert "Weak matches: shown at once" in anew["text"]
    await talk.press(anew, "Hide weak")
    await talk.server.until(lambda: "shown when asked for" in anew["text"])


async def test_settings_that_telegram_no_longer_shows_are_edited(talk: Talk) -> None:
    """An old message comes without its content, and is still written over."""
    [message] = await talk.ask("/settings", chat=GROUP)
    data = data_of(message, "Show weak")
    await talk.pressed(await talk.server.press(message, data, ADA, old=True))
    await talk.server.until(lambda: "Weak matches: shown at once" in message["text"])


async def test_a_press_that_changes_nothing_says_nothing(talk: Talk) -> None:
    """Two administrators who press the same: the second edit changes nothing."""
    [mine] = await talk.ask("/settings", chat=GROUP)
    await talk.server.say(GROUP, None, "/settings")
    [_, theirs] = await talk.answers(2)
    assert theirs["chat"]["id"] == GROUP
    data = data_of(theirs, "Show weak")
    for user in (ADA, BEN):
        assert "text" not in await talk.pressed(await talk.server.press(theirs, data, user))
    await talk.idle()
    assert len(talk.sent) == 3
    assert "shown at once" in theirs["text"]
    assert "shown when asked for" in mine["text"]


async def test_privacy_tells_what_is_kept_in_private(talk: Talk) -> None:
    """In the asker's own chat, with the numbers of this person."""
    await talk.server.say(GROUP, ADA, "/add a cyan kite", photo=CYAN)
    await talk.idle()
    [told] = await talk.ask("/privacy", chat=GROUP)
    assert told["chat"]["id"] == ADA
    assert "Pictures that you added: 1" in told["text"]
    assert "Answers whose buttons remember you: 1\n" in told["text"]
    assert "For 30 days I remember" in told["text"]
    [other] = await talk.ask("/privacy info", chat=EVE, user=EVE)
    assert "Pictures that you added: 0" in other["text"]


async def test_privacy_export_sends_a_file_that_holds_all(talk: Talk) -> None:
    """A ZIP with the picture itself, and with what the bot remembers; nobody else's."""
    await talk.server.say(GROUP, ADA, "/add a cyan kite", photo=CYAN)
    await talk.ask("/find red --count 2", 4, chat=EVE, user=EVE)
    await talk.idle()
    text, file = await talk.ask("/privacy export", 2, chat=GROUP)
    assert {message["chat"]["id"] for message in (text, file)} == {ADA}
    assert file["document"]["file_name"] == "tangerine-data.zip"
    assert file["document"]["mime_type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(talk.server.world.document(file))) as archive:
        data = json.loads(archive.read("data.json"))
        [name] = [name for name in archive.namelist() if name.startswith("pictures/")]
        assert archive.read(name) == CYAN
    assert data["person"] == f"telegram:{ADA}"
    assert [upload["caption"] for upload in data["uploads"]] == ["a cyan kite"]
    [entry] = data["remembered"]["telegram"]
    assert (entry["chat"], entry["asked_pictures"]) == (GROUP, 1)


async def test_privacy_delete_forgets_the_person(talk: Talk) -> None:
    """Pictures and buttons are gone at once; others keep theirs."""
    await talk.server.say(GROUP, ADA, "/add a cyan kite", photo=CYAN)
    [added] = await talk.answers()
    *_, theirs = await talk.ask("/find red --count 2", 3, chat=EVE, user=EVE)
    await talk.idle()
    [told] = await talk.ask("/privacy delete", chat=GROUP)
    assert "Pictures that you added: 1" in told["text"]
    assert talk.parts.contributions.uploads == {}
    [memory] = talk.parts.memories
    assert await memory.describe(f"telegram:{ADA}") == []
    assert len(await memory.describe(f"telegram:{EVE}")) == 1
    assert (await talk.press(added, "Undo"))["text"]
    assert "text" not in await talk.press(theirs, "Next", EVE)
    messages = await talk.ask("/find cyan kite --count 1", chat=BEN, user=BEN)
    assert all(colour != "cyan" for colour, _ in photos_of(talk, messages))


async def test_what_is_kept_of_somebody_is_never_told_in_a_group(talk: Talk) -> None:
    """Whoever cannot be written to in private gets no file, only the way to get one."""
    stranger = talk.server.world.user(21, started=False)
    for caller in (stranger, None):
        before = len(talk.sent)
        await talk.server.say(GROUP, caller, "/privacy export")
        [message] = await talk.answers(after=before)
        assert message["chat"]["id"] == GROUP
        assert "document" not in message
        assert "Pictures that you added" not in message["text"]
    assert [call.status for call in talk.server.called("sendDocument")] in ([], [403])


@pytest.mark.filterwarnings("ignore:.*retry_after:telegram.warnings.PTBDeprecationWarning")
async def test_a_file_that_is_refused_for_a_while_comes_later(talk: Talk) -> None:
    """A 429 and a 5xx cost time, not the file."""
    talk.server.fail("sendDocument", Fault(429, retry_after=1), Fault(502))
    _, file = await talk.ask("/privacy export", 2)
    assert talk.server.world.document(file)[:2] == b"PK"
