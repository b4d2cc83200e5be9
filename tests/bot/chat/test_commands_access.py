"""Who may search, who administers: strangers over every route of the chat, and the ways in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat.actions import Action
from bot.protocol.replies import Facts, Pictures, Reply
from bot.protocol.requests import InMemory, Request
from core.domain.errors import RemovalsUnconfirmed
from core.domain.types import CommunitySettings
from tests.fakes import picture_bytes
from tests.reply_texts import text_of
from tests.web.parts import Parts, languages

GROUP, FRIENDS = "telegram:-100", "telegram:-200"
PHOTO = InMemory(picture_bytes("red", seed=77, edge=64))


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas whose collection is for the web chat alone."""
    built = Parts(tmp_path, reindex_cooldown_s=600.0)
    built.library.communities["gallery"] = frozenset({"web"})
    yield built
    await built.close()


def asked(text: str = "", community: str = GROUP, **values: object) -> Request:
    """A request of somebody who administers the own group, and is nobody's operator."""
    request = Request("telegram", community, "telegram:13", text=text, channel=community)
    return replace(request, **{"is_admin": True, **values})


def told(reply: Reply) -> str:
    """Every word of a reply, names and values too."""
    facts = [" ".join(row) for part in reply.parts if isinstance(part, Facts) for row in part.rows]
    return "\n".join([text_of(reply), *facts])


def shows(reply: Reply) -> bool:
    """Whether a reply shows pictures."""
    return any(isinstance(part, Pictures) for part in reply.parts)


@pytest.mark.parametrize(
    "text",
    [
        *("/find red", "/help", "/start", "/status", "/reindex --full", "/settings --count 3"),
        *("/moderation add red", "/map red", "/remove red", "red balloons", ""),
        *("/similar", "/describe", "/add mine", "/classify a, b", "/find red --collection secret"),
    ],
)
async def test_a_stranger_is_told_how_to_be_let_in(parts: Parts, text: str) -> None:
    """Whatever is asked: the community's own id, the line to write, no picture, no change."""
    reply = await parts.commands.handle(asked(text, pictures=(PHOTO,)))
    assert reply.error.code == "community_unknown"
    assert reply.private
    assert f"tangerine allow {GROUP}" in told(reply)
    assert f'communities = ["web", "{GROUP}"]' in told(reply)
    assert "secret" not in told(reply)
    assert not shows(reply)
    assert parts.reindexing.calls == []
    assert parts.settings.kept == {}
    assert parts.contributions.uploads == {}
    assert await parts.moderation.criteria(GROUP) == ()


async def test_a_stranger_presses_in_vain(parts: Parts) -> None:
    """Forged buttons of every kind, completion and jobs show nothing and change nothing."""
    picture = parts.snapshot.pictures[0].id
    for kind in ("find", "more_like", "similar", "add", "remove", "restore", "withdraw",
                 "change", "review", "approve", "hide", "reconsider"):  # fmt: skip
        action = parts.codec.encode(Action(kind, text=picture, weak=True), GROUP)
        reply = await parts.commands.act(action, asked(pictures=(PHOTO,)))
        assert reply.error.code == "community_unknown", kind
    assert parts.commands.collections(asked()) == ()
    assert await parts.commands.labels(asked()) == ()
    assert await parts.commands.criteria(asked(), "red") == ()
    assert await parts.commands.pictures(asked(), "red") == ()
    job = (await parts.commands.handle(web("/reindex"))).job
    assert (await parts.commands.progress(job, asked())).error.code == "not_found"
    assert parts.commands.running(asked()) == {}


async def test_photos_nobody_asked_about_stay_unanswered(parts: Parts) -> None:
    """Also in a chat that was let out again after it had chosen to have them answered."""
    parts.settings.kept[GROUP] = CommunitySettings(photo_channels=frozenset({GROUP}))
    reply = await parts.commands.handle(asked(pictures=(PHOTO,), unasked=True))
    assert reply == Reply()


async def test_talk_in_a_group_is_answered_once_in_an_hour(parts: Parts) -> None:
    """A mention may be talk between people; commands, and persons alone, are always answered."""
    said = [(await parts.commands.handle(asked("red balloons"))).parts for _ in range(3)]
    assert [bool(parts) for parts in said] == [True, False, False]
    assert (await parts.commands.handle(asked("/find red"))).parts
    assert (await parts.commands.handle(asked("", command="find", options={"query": "x"}))).parts
    alone = [(await parts.commands.handle(asked("red", "telegram:13"))).parts for _ in range(2)]
    assert all(alone)
    parts.clock.advance(3601)
    assert (await parts.commands.handle(asked("red balloons"))).parts


async def test_the_answer_is_in_the_askers_language(parts: Parts) -> None:
    """With the same id and the same line."""
    said = {}
    for locale in languages().all:
        said[locale] = told(await parts.commands.handle(asked("/help", locale=locale)))
        assert f"tangerine allow {GROUP}" in said[locale]
    assert len(set(said.values())) == len(languages().all) >= 5


async def test_what_is_kept_of_a_person_is_told_everywhere(parts: Parts) -> None:
    """Whoever was let out still has the own data deleted."""
    reply = await parts.commands.handle(asked("/privacy delete"))
    assert reply.error is None


async def test_an_operator_lets_a_chat_in_and_out(parts: Parts) -> None:
    """At once, into the default collection or a named one; nobody else can."""
    for nobody in (asked("/allow"), asked("/allow off"), asked("/allow --collection secret")):
        reply = await parts.commands.handle(nobody)
        assert reply.error.code == "operator_only"
    operator = {"is_operator": True, "is_admin": False}
    allowed = await parts.commands.handle(asked("/allow", **operator))
    assert "may now search “gallery”" in text_of(allowed)
    assert shows(await parts.commands.handle(asked("/find red")))
    assert "already" in text_of(await parts.commands.handle(asked("/allow on", **operator)))
    assert not parts.library.visible(FRIENDS)
    gone = await parts.commands.handle(asked("/allow off", **operator))
    assert "no longer" in text_of(gone)
    assert not shows(await parts.commands.handle(asked("/find red")))
    never = await parts.commands.handle(asked("/allow off", **operator))
    assert "anyway" in text_of(never)
    other = await parts.commands.handle(asked("/allow --collection secret", **operator))
    assert "“secret”" in text_of(other)
    assert parts.library.visible(GROUP) == ("secret",)
    lost = await parts.commands.handle(asked("/allow --collection nothing", **operator))
    assert lost.error.code == "not_found"


async def test_the_settings_have_the_last_word(parts: Parts) -> None:
    """What they name, no chat can put out."""
    parts.library.communities["gallery"] = frozenset({"web", GROUP})
    reply = await parts.commands.handle(asked("/allow off", is_operator=True))
    assert "The settings let this chat search" in text_of(reply)
    assert shows(await parts.commands.handle(asked("/find red")))


async def test_a_code_lets_one_chat_in(parts: Parts) -> None:
    """Whoever has it, once; a failure to write it down leaves it good."""
    code = await parts.claims.issue()
    for _ in range(6):
        alone = await parts.commands.handle(asked("/claim"))
        assert alone.error.code == "no_code"
    wrong = await parts.commands.handle(asked("/claim 2222-2222-2222"))
    assert wrong.error.code == "wrong_code"
    assert not shows(await parts.commands.handle(asked("/find red")))
    right = await parts.commands.handle(asked(f"/claim {code}", is_admin=False))
    assert "may now search “gallery”" in text_of(right)
    assert parts.grants.of("gallery") == {GROUP: "claim"}
    assert shows(await parts.commands.handle(asked("/find red")))
    again = await parts.commands.handle(asked(f"/claim {code}", FRIENDS))
    assert again.error.code == "wrong_code"
    assert parts.library.visible(FRIENDS) == ()
    spare = await parts.claims.issue()
    assert "already" in text_of(await parts.commands.handle(asked(f"/claim {spare}")))
    parts.grants.error = RuntimeError("the disk")
    assert (await parts.commands.handle(asked(f"/claim {spare}", FRIENDS))).error is not None
    parts.grants.error = None
    reply = await parts.commands.handle(asked(f"/claim {spare}", FRIENDS))
    assert "may now search" in text_of(reply)


async def test_who_came_by_an_open_door_administers_nothing_but_the_own_chat(
    parts: Parts,
) -> None:
    """In a collection for everybody: neither reindex nor status; settings and additions, yes."""
    parts.library.communities["gallery"] = frozenset({"web", FRIENDS, "*"})
    assert shows(await parts.commands.handle(asked("/find red")))
    for text in ("/reindex", "/reindex --full", "/status"):
        reply = await parts.commands.handle(asked(text))
        assert reply.error.code == "operator_only", text
    assert parts.reindexing.calls == []
    assert (await parts.commands.handle(asked("/settings --count 3"))).error is None
    assert (await parts.commands.handle(asked("/moderation add red"))).error is None
    # Those who share it by name, and the operator wherever he is, do.
    assert (await parts.commands.handle(asked("/status", FRIENDS))).error is None
    assert (await parts.commands.handle(asked("/status", is_operator=True))).error is None
    job = (await parts.commands.handle(asked("/reindex", FRIENDS))).job
    assert job is not None
    assert (await parts.commands.progress(job, asked())).error.code == "not_found"


def web(text: str) -> Request:
    """What the operator asks in the own web chat."""
    return Request("web", "web", "web:1", text=text, is_admin=True)


async def test_chats_reindex_once_in_ten_minutes(parts: Parts) -> None:
    """Whoever of those who share it asks; the operator need not wait."""
    parts.library.communities["gallery"] = frozenset({"web", FRIENDS, GROUP})
    parts.reindexing.finish.set()

    async def ask(request: Request) -> Reply:
        reply = await parts.commands.handle(request)
        if reply.job is not None:
            _ = [each async for each in parts.commands.follow(reply.job, request)]
        return reply

    assert (await ask(asked("/reindex"))).error is None
    parts.clock.advance(60)
    refused = await ask(asked("/reindex --full", FRIENDS))
    assert (refused.error.code, refused.error.retry_after) == ("too_many_requests", 540)
    assert "9 minutes" in text_of(refused)
    assert (await ask(web("/reindex"))).error is None
    assert (await ask(asked("/reindex", is_operator=True))).error is None
    parts.clock.advance(541)
    assert (await ask(asked("/reindex", FRIENDS))).error is None
    assert len(parts.reindexing.calls) == 4


async def test_a_reindex_that_fails_holds_up_no_other_one(parts: Parts) -> None:
    """Whoever has mended the cause tries again at once; the pause follows one that was done."""
    parts.library.communities["gallery"] = frozenset({"web", GROUP})
    parts.reindexing.finish.set()
    done, request = parts.reindexing.report, asked("/reindex")
    for report in (RemovalsUnconfirmed("The folder is empty."), done):
        parts.reindexing.report = report
        begun = await parts.commands.handle(request)
        assert begun.job is not None
        *_, last = [each async for each in parts.commands.follow(begun.job, request)]
        assert (last.error is None) is (report is done)
    assert (await parts.commands.handle(request)).error.code == "too_many_requests"
