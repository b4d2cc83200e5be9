"""What a community's administrators choose, and how every answer follows at once."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from bot.chat.actions import Action
from bot.protocol.replies import CaptionList, ContactSheet, Facts, Pictures, Reply
from bot.protocol.requests import InMemory, Request
from core.domain.errors import CatalogueError
from core.domain.rate_limits import Quota
from core.domain.types import Band, CommunitySettings
from tests.fakes import COLOURS, picture_bytes
from tests.reply_texts import text_of
from tests.web.parts import Parts

RED_PHOTO = InMemory(picture_bytes("red", seed=77, edge=64))


def _striped() -> bytes:
    """A picture of eight colours: nothing of a gallery of plain ones is close to it."""
    image = Image.new("RGB", (64, 64))
    for column, colour in enumerate(list(COLOURS.values())[:8]):
        image.paste(colour, (8 * column, 0, 8 * column + 8, 64))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


ODD_PHOTO = InMemory(_striped())


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat with quotas."""
    built = Parts(tmp_path, quota=Quota())
    yield built
    await built.close()


def asked(text: str = "", **values: object) -> Request:
    """A request of a member, each of another one unless a requester is named."""
    fields = {"requester": "discord:1", "channel": "discord:5:50", **values}
    return Request("discord", "discord:5", text=text, **fields)


def admin(text: str = "", **values: object) -> Request:
    """A request of an administrator."""
    return asked(text, **{"is_admin": True, "requester": "discord:2", **values})


def rows(reply: Reply) -> dict[str, str]:
    """The facts of a reply."""
    return dict(next(p for p in reply.parts if isinstance(p, Facts)).rows)


def count(reply: Reply) -> int:
    """How many pictures or captions a reply shows."""
    return sum(
        len(p.cards if isinstance(p, Pictures) else p.lines)
        for p in reply.parts
        if isinstance(p, Pictures | CaptionList)
    )


def action(reply: Reply, label: str) -> str:
    """What the button of this label does."""
    return next(b.action for b in reply.buttons if b.label == label)


async def test_the_settings_show_what_holds(parts: Parts) -> None:
    """Without a choice the operator's defaults hold, and are marked as such."""
    reply = await parts.commands.handle(admin("/settings"))
    assert rows(reply) == {
        "Photos in this channel": "answered when I am asked",
        "Weak matches": "shown when asked for",
        "Results": "5 (the operator's)",
        "Pause after a question": "3 seconds (the operator's)",
        "Pause after a picture": "5 seconds (the operator's)",
    }
    assert reply.private
    assert [b.kind for b in reply.buttons] == ["set", "set"]
    assert parts.settings.kept == {}


async def test_options_change_what_they_name(parts: Parts) -> None:
    """Each option changes its own setting, and the reply shows all of them."""
    text = "/settings photos on weak show count 1 text_cooldown 1 --picture_cooldown 60"
    reply = await parts.commands.handle(admin(text))
    assert text_of(reply).startswith("Saved.")
    assert rows(reply) == {
        "Photos in this channel": "every one is answered",
        "Weak matches": "shown at once",
        "Results": "1",
        "Pause after a question": "1 second",
        "Pause after a picture": "60 seconds",
    }
    await parts.commands.handle(admin("/settings weak hide"))
    assert parts.settings.of("discord:5") == CommunitySettings(
        photo_channels=frozenset({"discord:5:50"}),
        count=1,
        show_weak=False,
        text_cooldown_s=1,
        picture_cooldown_s=60,
    )
    assert parts.settings.of("discord:6") == CommunitySettings()


@pytest.mark.parametrize(
    "text", ["/settings count 11", "/settings text_cooldown 3601", "/settings photos perhaps"]
)
async def test_a_wrong_value_changes_nothing(parts: Parts, text: str) -> None:
    """Also where another option beside it is right."""
    reply = await parts.commands.handle(admin(f"{text} weak show"))
    assert reply.error.code in {"bad_setting", "bad_count"}
    assert parts.settings.kept == {}


async def test_buttons_turn_settings_over(parts: Parts) -> None:
    """A press changes one thing and shows the settings again; only administrators may."""
    reply = await parts.commands.handle(admin("/settings"))
    on = action(reply, "Answer every photo here")
    assert (await parts.commands.act(on, asked())).error.code == "forbidden"
    assert parts.settings.kept == {}
    reply = await parts.commands.act(on, admin())
    assert rows(reply)["Photos in this channel"] == "every one is answered"
    assert parts.commands.answers_photos(asked())
    assert not parts.commands.answers_photos(asked(channel="discord:5:51"))
    other = dataclasses.replace(asked(), community="discord:6")
    assert not parts.commands.answers_photos(other)
    reply = await parts.commands.act(action(reply, "Show weak matches"), admin())
    assert rows(reply)["Weak matches"] == "shown at once"
    reply = await parts.commands.act(action(reply, "Answer photos only when asked"), admin())
    assert not parts.commands.answers_photos(asked())
    reply = await parts.commands.act(action(reply, "Hide weak matches"), admin())
    assert parts.settings.of("discord:5") == CommunitySettings()
    forged = parts.codec.encode(Action("change", text="photos:maybe"), "discord:5")
    assert (await parts.commands.act(forged, admin())).error.code == "expired_button"


async def test_own_numbers_can_be_given_up(parts: Parts) -> None:
    """Where a community has numbers of its own, a button brings the operator's back."""
    reply = await parts.commands.handle(admin("/settings count 3 picture_cooldown 0 photos on"))
    reply = await parts.commands.act(action(reply, "Back to the operator's numbers"), admin())
    assert rows(reply)["Results"] == "5 (the operator's)"
    kept = parts.settings.of("discord:5")
    assert kept == CommunitySettings(photo_channels=frozenset({"discord:5:50"}))
    assert "Back to the operator's numbers" not in [b.label for b in reply.buttons]


async def test_where_every_photo_is_answered_there_is_nothing_to_choose(parts: Parts) -> None:
    """A place without channels, as the web chat, does not offer it."""
    place = Request("web", "web", "web:1", is_admin=True, text="/settings")
    assert "Photos in this channel" not in rows(await parts.commands.handle(place))
    refused = await parts.commands.handle(dataclasses.replace(place, text="/settings photos on"))
    assert refused.error.code == "bad_setting"


async def test_without_quotas_there_are_no_pauses_to_choose(tmp_path: Path) -> None:
    """Where the operator has switched quotas off, the settings say so."""
    parts = Parts(tmp_path)
    reply = await parts.commands.handle(admin("/settings"))
    assert "switched quotas off" in rows(reply)["Pause after a question"]
    refused = await parts.commands.handle(admin("/settings text_cooldown 5"))
    assert refused.error.code == "bad_setting"
    await parts.close()


async def test_two_changes_at_once_both_hold(parts: Parts) -> None:
    """No change is lost that comes while another one is being kept."""
    save, let_go = parts.settings.save, asyncio.Event()

    async def slow(community: str, settings: CommunitySettings) -> None:
        await let_go.wait()
        await save(community, settings)

    parts.settings.save = slow
    first = asyncio.create_task(parts.commands.handle(admin("/settings count 3")))
    second = asyncio.create_task(parts.commands.handle(admin("/settings weak show")))
    for _ in range(5):
        await asyncio.sleep(0)
    let_go.set()
    await asyncio.gather(first, second)
    assert parts.settings.of("discord:5") == CommunitySettings(count=3, show_weak=True)


async def test_what_cannot_be_kept_is_told(parts: Parts) -> None:
    """A full disk changes nothing, and says so."""
    parts.settings.error = CatalogueError("The disk is full.", remedy="Make room.")
    reply = await parts.commands.handle(admin("/settings weak show"))
    assert reply.error.code == "catalogue"
    assert not parts.settings.of("discord:5").show_weak


async def test_the_count_holds_wherever_no_number_is_asked_for(parts: Parts) -> None:
    """In find, similar and describe; a number in the question still wins."""
    parts.settings.kept["discord:5"] = CommunitySettings(
        count=3, text_cooldown_s=0, picture_cooldown_s=0
    )
    assert count(await parts.commands.handle(asked("red"))) == 3
    assert count(await parts.commands.handle(asked("/find red --count 4"))) == 4
    assert count(await parts.commands.handle(asked(pictures=(RED_PHOTO,)))) == 3
    assert count(await parts.commands.handle(asked("/describe", pictures=(RED_PHOTO,)))) == 3
    assert count(await parts.commands.handle(admin("/remove red"))) == 3


async def test_weak_matches_are_shown_where_that_was_chosen(parts: Parts) -> None:
    """At once, on every route, and only in that community."""
    hidden = await parts.commands.handle(asked("a zebra crossing"))
    assert count(hidden) == 0
    await parts.commands.handle(admin("/settings weak show text_cooldown 0"))
    shown = await parts.commands.handle(asked("a zebra crossing"))
    assert count(shown) == 5
    assert "These matches are weak." in text_of(shown)
    elsewhere = dataclasses.replace(
        asked("a zebra crossing", requester="discord:3"), community="discord:6"
    )
    assert count(await parts.commands.handle(elsewhere)) == 0


async def test_pauses_hold_at_once(parts: Parts) -> None:
    """A community's own pauses take the place of the operator's, for members only."""
    await parts.commands.handle(admin("/settings text_cooldown 60 picture_cooldown 0"))
    assert (await parts.commands.handle(asked("red"))).error is None
    refused = await parts.commands.handle(asked("red"))
    assert refused.error.retry_after == 60
    for _ in range(2):
        assert (await parts.commands.handle(admin("red"))).error is None
    await parts.commands.handle(admin("/settings text_cooldown 0"))
    parts.clock.advance(60)
    for _ in range(2):
        assert (await parts.commands.handle(asked("red"))).error is None


async def test_a_close_photo_is_answered_unasked(parts: Parts) -> None:
    """Where the channel is set so, a photo gets what is close to it, an album one reply."""
    photo = asked(pictures=(RED_PHOTO,), unasked=True)
    assert await parts.commands.handle(photo) == Reply()
    await parts.commands.handle(admin("/settings photos on count 10"))
    album = dataclasses.replace(photo, pictures=(RED_PHOTO, ODD_PHOTO), drawings=True)
    reply = await parts.commands.handle(album)
    (shown,) = [p.cards for p in reply.parts if isinstance(p, Pictures)]
    whole = await parts.commands.handle(asked(pictures=(RED_PHOTO,), drawings=True))
    (page,) = [p.cards for p in whole.parts if isinstance(p, Pictures)]
    assert shown == tuple(card for card in page if card.band is not Band.WEAK)
    assert 0 < len(shown) < len(page) == 10
    assert any(isinstance(p, ContactSheet) for p in reply.parts)
    assert "You sent" not in text_of(reply)
    assert {b.kind for b in reply.buttons} == {"more_like"}
    assert 'command="photo",platform="discord"} 1.0' in parts.metrics.render().decode()


async def test_nothing_is_said_where_nothing_is_worth_saying(parts: Parts) -> None:
    """Neither of distant matches, nor of quotas, broken files and defects of ours."""
    await parts.commands.handle(admin("/settings photos on weak show"))
    for number, (picture, defect) in enumerate(
        [
            (ODD_PHOTO, None),
            (InMemory(b"no picture"), None),
            (RED_PHOTO, RuntimeError("a defect")),
            (RED_PHOTO, CatalogueError("gone")),
        ]
    ):
        parts.embedder.error = defect
        request = asked(requester=f"discord:{number + 10}", pictures=(picture,), unasked=True)
        assert await parts.commands.handle(request) == Reply()
    parts.embedder.error = None
    assert [event.get("error", event.get("code")) for event in parts.log.events] == [
        "RuntimeError",
        "catalogue",
    ]
    photo = asked(pictures=(RED_PHOTO,), unasked=True)
    assert (await parts.commands.handle(photo)).parts
    assert await parts.commands.handle(photo) == Reply()


async def test_an_unasked_answer_holds_up_no_question(parts: Parts) -> None:
    """Whoever posts a photo may ask at once."""
    await parts.commands.handle(admin("/settings photos on"))
    assert (await parts.commands.handle(asked(pictures=(RED_PHOTO,), unasked=True))).parts
    assert (await parts.commands.handle(asked("red"))).error is None
