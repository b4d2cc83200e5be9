"""Administrators name criteria, test them and decide about what they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.actions import Action
from bot.protocol.replies import Button, ContactSheet, Facts, Pictures, Reply
from bot.protocol.requests import InMemory, Request
from core.domain.choices import Strictness
from core.domain.errors import BadSetting
from core.domain.rate_limits import Quota
from core.search.moderation import Criterion
from tests.colours import share_of
from tests.fakes import picture_bytes
from tests.reply_texts import text_of
from tests.web.parts import Parts

HOME = "discord:5"


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas."""
    built = Parts(tmp_path)
    yield built
    await built.close()


def asked(text: str = "", **values: object) -> Request:
    """A request of a member."""
    return Request("discord", HOME, "discord:1", text=text, **values)


def admin(text: str = "", **values: object) -> Request:
    """A request of an administrator."""
    return Request("discord", HOME, "discord:2", text=text, is_admin=True, **values)


def captions(reply: Reply) -> list[str]:
    """The captions of the pictures of a reply."""
    return [c.caption for p in reply.parts if isinstance(p, Pictures) for c in p.cards]


def facts_of(reply: Reply) -> str:
    """All names and values of a reply."""
    parts = [part for part in reply.parts if isinstance(part, Facts)]
    return "; ".join(f"{name}: {value}" for part in parts for name, value in part.rows)


def labelled(reply: Reply, label: str) -> Button:
    """The button of this label."""
    return next(button for button in reply.buttons if button.label == label)


async def test_a_criterion_holds_from_the_next_question_on(parts: Parts) -> None:
    """The reply says how many wait; a find does not show them; the list names the criterion."""
    reply = await parts.commands.handle(admin("/moderation add purple"))
    assert reply.private
    assert "“purple” holds 5 pictures now" in text_of(reply)
    assert "5 pictures wait" in text_of(reply)
    found = await parts.commands.handle(asked("/find purple cat --count 10"))
    assert not any("purple" in caption for caption in captions(found))
    listed = await parts.commands.handle(admin("/moderation"))
    assert ("“purple”", "normal strictness") in next(
        part.rows for part in listed.parts if isinstance(part, Facts)
    )


async def test_options_are_those_of_the_criterion(parts: Parts) -> None:
    """Written in any order: strictness and age; several words are one criterion."""
    await parts.commands.handle(admin("/moderation --strictness high add naked people --age"))
    [kept] = parts.moderation.kept[HOME]
    assert kept == Criterion("naked people", Strictness.HIGH, age=True)
    listed = await parts.commands.handle(admin("/moderation list"))
    assert "age-restricted" in facts_of(listed)
    typed = Request(
        "discord",
        HOME,
        "discord:2",
        is_admin=True,
        command="moderation",
        options={"action": "remove", "criterion": "Naked people"},
    )
    reply = await parts.commands.handle(typed)
    assert "stays hidden" in text_of(reply)
    assert parts.moderation.kept[HOME] == []


@pytest.mark.parametrize("text", ["", "list", "add cat", "remove cat", "test cat", "review"])
async def test_members_are_refused(parts: Parts, text: str) -> None:
    """All of it is for administrators, and changes nothing for others."""
    reply = await parts.commands.handle(asked(f"/moderation {text}"))
    assert reply.error is not None
    assert reply.error.code == "forbidden"
    assert not parts.moderation.kept


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("weapon", BadSetting.code),
        ("add", "empty_query"),
        ("test", "empty_query"),
        ("remove unicorn", "not_found"),
        (f"add {'x' * 101}", BadSetting.code),
        ("add cat --strictness extreme", BadSetting.code),
        ("list weapon", "invalid_request"),
        ("remove cat --age", "invalid_request"),
        ("test cat --strictness high", "invalid_request"),
    ],
)
async def test_what_cannot_be_done_is_told(parts: Parts, text: str, code: str) -> None:
    """An unknown action, no words, a criterion that is not there, or too long."""
    reply = await parts.commands.handle(admin(f"/moderation {text}"))
    assert reply.error is not None
    assert reply.error.code == code
    assert reply.error.remedy


async def test_the_review_shows_pages_with_a_button_for_each_decision(parts: Parts) -> None:
    """Drawn on a sheet, as nothing else may be fetched; page by page, with ids of no other."""
    await parts.commands.handle(admin("/moderation add cat"))
    first = await parts.commands.handle(admin("/moderation review"))
    assert first.private
    assert captions(first) == [
        f"{c} cat" for c in ("red", "orange", "yellow", "green", "blue", "purple")
    ]
    [sheet] = [part for part in first.parts if isinstance(part, ContactSheet)]
    assert share_of(sheet.png, "blue") > 0.02, "the pictures themselves"
    assert "blue cat" in sheet.alt
    approve = [b.label for b in first.buttons if b.label.startswith("Approve")]
    remove = [b.label for b in first.buttons if b.label.startswith("Remove")]
    assert approve == [f"Approve #{n}" for n in range(1, 7)]
    assert remove == [f"Remove #{n}" for n in range(1, 7)]
    following = labelled(first, "More held pictures")
    second = await parts.commands.act(following.action, admin())
    assert "7" in text_of(second)
    assert captions(second)[0] == "pink cat"
    assert {b.label for b in second.buttons if b.label.startswith("More")} == set()


async def test_decisions_are_said_and_can_be_undone(parts: Parts) -> None:
    """Approved pictures are found again, removed ones not; each reply leads on and back."""
    await parts.commands.handle(admin("/moderation add blue"))
    review = await parts.commands.handle(admin("/moderation review"))
    approved = await parts.commands.act(labelled(review, "Approve #1").action, admin())
    assert "Approved and shown again: blue fruits" in text_of(approved)
    assert "4 pictures wait" in text_of(approved)
    removed = await parts.commands.act(labelled(review, "Remove #2").action, admin())
    assert "Removed from every answer here: blue bicycle" in text_of(removed)
    assert "not deleted" in text_of(removed)
    found = await parts.commands.handle(asked("/find blue thing --count 10"))
    assert [each for each in captions(found) if "blue" in each] == ["blue fruits"]
    back = await parts.commands.act(labelled(removed, "Undo").action, admin())
    assert "As before your decision" in text_of(back)
    left = await parts.commands.act(labelled(back, "Review what is held").action, admin())
    assert len(captions(left)) == 4


async def test_a_test_shows_what_would_be_held(parts: Parts) -> None:
    """With precision on what was decided before; nothing is held by it."""
    await parts.commands.handle(admin("/moderation add green"))
    review = await parts.commands.handle(admin("/moderation review"))
    await parts.commands.act(labelled(review, "Approve #1").action, admin())
    await parts.commands.act(labelled(review, "Remove #2").action, admin())
    reply = await parts.commands.handle(admin("/moderation test green"))
    assert reply.private
    said = text_of(reply)
    assert "What “green” would hold in “gallery”" in said
    assert "of 2 that you decided about, 1 had to go (precision 0.50)" in facts_of(reply)
    assert "/moderation add green" in said
    assert [part for part in reply.parts if isinstance(part, ContactSheet)]
    assert not [button for button in reply.buttons if button.kind == "decide"]
    await parts.commands.handle(admin("/moderation test red"))
    found = await parts.commands.handle(asked("/find red cat"))
    assert "red cat" in captions(found)


async def test_tests_count_as_questions(tmp_path: Path) -> None:
    """Each asks the model about as much as a few questions do: quotas hold."""
    strict = Quota({}, per_minute=2, per_day=100)
    parts = Parts(tmp_path, quota=strict, admin_quota=strict)
    for _ in range(2):
        assert (await parts.commands.handle(admin("/moderation test red"))).error is None
    reply = await parts.commands.handle(admin("/moderation add red"))
    assert reply.error is not None
    assert reply.error.code == "too_many_requests"
    await parts.close()


async def test_an_upload_that_is_held_is_not_shown_back(parts: Parts) -> None:
    """Neither when it is added, nor when its removal is undone; its uploader may undo it."""
    await parts.commands.handle(admin("/moderation add secret"))
    photo = InMemory(picture_bytes((200, 160, 220), seed=77, edge=48))
    reply = await parts.commands.handle(
        asked("/add a secret lilac", pictures=(photo,), may_add=True)
    )
    assert "an administrator has to approve it first" in text_of(reply)
    assert captions(reply) == []
    assert "secret" not in text_of(reply)
    found = await parts.commands.handle(asked("/find secret lilac --count 10"))
    assert "a secret lilac" not in captions(found)
    picture_id = next(iter(parts.contributions.uploads))
    removed = await parts.commands.act(
        parts.codec.encode(Action("withdraw", text=picture_id), HOME), asked(may_add=True)
    )
    assert removed.error is None
    restored = await parts.commands.act(
        parts.codec.encode(Action("restore", text=picture_id), HOME), admin()
    )
    assert captions(restored) == []
    assert "approve" in text_of(restored)


async def test_places_for_adults_see_what_is_kept_from_children(parts: Parts) -> None:
    """The same question, asked in an age-restricted channel and in another one."""
    await parts.commands.handle(admin("/moderation add pink --age"))
    seen = {}
    for adults in (False, True):
        reply = await parts.commands.handle(asked("/find pink cat --count 10", adults=adults))
        seen[adults] = [each for each in captions(reply) if "pink" in each]
    assert seen[False] == []
    assert "pink cat" in seen[True]


async def test_words_of_a_criterion_are_no_part_of_the_log(parts: Parts) -> None:
    """What administrators look for is their own affair, also where it fails."""
    parts.embedder.encoder.fails_on = lambda _: True
    await parts.commands.handle(admin("/moderation add zorvex"))
    assert "zorvex" not in repr(parts.log.events)
