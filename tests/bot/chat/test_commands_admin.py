"""What administrators can do in a chat, and others cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.protocol.replies import Facts, ProgressBar, Reply
from bot.protocol.requests import Request
from core.domain.errors import CatalogueDamaged, RemovalsUnconfirmed
from core.domain.types import Progress
from tests.reply_texts import text_of
from tests.web.parts import Parts, languages


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas."""
    built = Parts(tmp_path)
    yield built
    await built.close()


def asked(text: str = "", **values: object) -> Request:
    """A request of somebody in the web chat who is no administrator."""
    return Request("web", "web", "web:1", text=text, **values)


def part(reply: Reply, kind: type) -> object:
    """The first part of this kind."""
    return next(p for p in reply.parts if isinstance(p, kind))


@pytest.mark.parametrize("text", ["/reindex", "/status", "/reindex secret --full"])
async def test_admin_commands_are_refused_to_others(parts: Parts, text: str) -> None:
    """Who is no administrator changes nothing and learns nothing."""
    reply = await parts.commands.handle(asked(text))
    assert reply.error.code == "forbidden"
    assert reply.private
    assert parts.reindexing.calls == []


async def test_reindex_tells_how_far_it_is_and_how_it_ended(parts: Parts) -> None:
    """The reply names a job to follow; a second one hears how far the first has come."""
    admin = asked("/reindex --full", is_admin=True)
    first = await parts.commands.handle(admin)
    assert isinstance(part(first, ProgressBar), ProgressBar)
    updates: list[Reply] = []

    async def follow() -> None:
        updates.extend([update async for update in parts.commands.follow(first.job, admin)])

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.02)
    parts.reindexing.step(Progress("encode", 1, 4))
    second = await parts.commands.handle(admin)
    assert "already being indexed: 25%" in text_of(second)
    assert second.job == first.job
    assert parts.commands.running(admin)["gallery"].done == 1
    await asyncio.sleep(0.05)
    parts.reindexing.finish.set()
    await following
    assert parts.reindexing.calls == [("gallery", True)]
    assert "1 of 4 pictures (25%)" in part(updates[-2], ProgressBar).text
    assert "2 added" in text_of(updates[-1])
    assert part(updates[-1], Facts).rows == (("bad.png", "It is damaged."),)
    assert updates[-1].job is None
    assert parts.commands.running(admin) == {}


async def test_a_failed_reindex_is_told_to_whoever_follows(parts: Parts) -> None:
    """A reindex that breaks ends in an error reply, never in silence."""
    parts.reindexing.report = RuntimeError("disk on fire")
    parts.reindexing.finish.set()
    admin = asked("/reindex", is_admin=True)
    first = await parts.commands.handle(admin)
    updates = [update async for update in parts.commands.follow(first.job, admin)]
    assert updates[-1].error.code == "internal"
    assert parts.log.events[0]["incident"] == updates[-1].error.incident


@pytest.mark.parametrize("language", list(languages().all))
async def test_removals_that_nobody_confirmed_are_told(parts: Parts, language: str) -> None:
    """A folder that vanished is told in every language, with the command that confirms it."""
    parts.reindexing.report = RemovalsUnconfirmed(
        "21 of the 40 pictures that are indexed are gone from the folder. Nothing was changed.",
        remedy="run: tangerine reindex --confirm-removals --collection gallery",
    )
    parts.reindexing.finish.set()
    admin = asked("/reindex", is_admin=True, locale=language)
    first = await parts.commands.handle(admin)
    updates = [update async for update in parts.commands.follow(first.job, admin)]
    error = updates[-1].error
    assert error.code == "removals_unconfirmed"
    assert "tangerine reindex --confirm-removals" in text_of(updates[-1])
    assert ("Nothing was changed" in text_of(updates[-1])) == (language == "en")


async def test_a_damaged_catalogue_is_for_the_operator(parts: Parts) -> None:
    """The chat says whom to tell; paths and commands stand in the log."""
    parts.reindexing.report = CatalogueDamaged("Damaged (/srv/data/x).", remedy="mv /srv/data")
    parts.reindexing.finish.set()
    admin = asked("/reindex", is_admin=True)
    first = await parts.commands.handle(admin)
    updates = [update async for update in parts.commands.follow(first.job, admin)]
    assert updates[-1].error.code == "catalogue_damaged"
    assert "operator" in text_of(updates[-1])
    assert "/srv" not in text_of(updates[-1])
    [line] = parts.log.events
    assert (line["cause"], line["remedy"]) == ("Damaged (/srv/data/x).", "mv /srv/data")


async def test_jobs_of_other_communities_do_not_exist(parts: Parts) -> None:
    """Neither progress nor the name of a foreign collection can be asked for."""
    owner = Request("discord", "discord:7", "discord:1", is_admin=True, text="/reindex secret")
    first = await parts.commands.handle(owner)
    assert first.job is not None
    stranger = asked(is_admin=True)
    assert (await parts.commands.progress(first.job, stranger)).error.code == "not_found"
    assert parts.commands.running(stranger) == {}
    assert (await parts.commands.handle(asked("/reindex secret", is_admin=True))).error.code == (
        "not_found"
    )
    assert parts.commands.collections(stranger, "s") == ()
    assert parts.commands.collections(owner, "S") == ("secret",)


async def test_status_names_the_model_and_visible_collections(parts: Parts) -> None:
    """The status counts what this community may search, and nothing else."""
    reply = await parts.commands.handle(asked("/status", is_admin=True))
    rows = dict(part(reply, Facts).rows)
    assert rows["Model"] == "fake, 32 dimensions, on cpu"
    assert rows["gallery"].startswith("61 pictures, 60 captions")
    assert "secret" not in rows
