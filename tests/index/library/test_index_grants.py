"""Communities that are let in: durable, at once, in every process, and out again as fast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.errors import CommunityUnknown
from index.library.community_rows import kept_communities
from index.library.grants import GRANTS, StoredGrants
from index.library.retention import PURGE_SECONDS
from index.library.specs import CollectionSpec
from tests.galleries import Gallery

pytestmark = pytest.mark.usefixtures("database")

CHAT, OTHER = "telegram:-100", "discord:2"


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    """A collection of the web chat's with one picture."""
    made = Gallery(tmp_path, communities="web discord:9")
    made.add("red.png")
    yield made
    made.close()


async def test_who_is_let_in_sees_and_shares(gallery: Gallery) -> None:
    """From the next question on, as one of those whom the settings name; until it is revoked."""
    await gallery.reindex()
    with pytest.raises(CommunityUnknown):
        await gallery.library.open(None, CHAT)
    assert await gallery.grants.grant("gallery", CHAT, "allow")
    assert not await gallery.grants.grant("gallery", CHAT, "claim"), "it was in before"
    assert await gallery.seen(CHAT) == {"red.png"}
    assert gallery.library.shares("gallery", CHAT)
    await gallery.post("green", 3, "added here", community=CHAT)
    assert "added here" in await gallery.seen("web")
    assert gallery.library.visible(OTHER) == ()
    assert await gallery.grants.revoke("gallery", CHAT)
    assert not await gallery.grants.revoke("gallery", CHAT)
    with pytest.raises(CommunityUnknown):
        await gallery.library.open(None, CHAT)


async def test_every_process_knows(gallery: Gallery) -> None:
    """A second process sees a grant, and that it is gone, for the price of one stat."""
    await gallery.reindex()
    other = Gallery(gallery.data.parent)
    assert not await other.grants.catch_up()
    await gallery.grants.grant("gallery", CHAT, "command line")
    assert await other.grants.catch_up()
    assert other.grants.of("gallery") == {CHAT: "command line"}
    assert await other.seen(CHAT) == {"red.png"}
    await gallery.grants.revoke("gallery", CHAT)
    assert await other.grants.catch_up()
    assert other.library.visible(CHAT) == ()
    assert not await other.grants.catch_up()
    other.close()


async def test_a_group_that_becomes_a_supergroup_stays_in(gallery: Gallery) -> None:
    """Whether a grant or the settings had let it in."""
    await gallery.grants.grant("gallery", CHAT, "claim")
    await gallery.contributions.moved(CHAT, "telegram:-200")
    await gallery.contributions.moved("discord:9", "discord:10")
    await gallery.contributions.moved(OTHER, "discord:11")
    assert gallery.grants.of("gallery") == {"discord:10": "moved", "telegram:-200": "moved"}
    assert gallery.library.visible(CHAT) == ()
    assert gallery.library.visible("discord:11") == ()


async def test_who_puts_the_bot_out_is_forgotten(gallery: Gallery) -> None:
    """A grant goes with everything else of a community, a week after the bot has left it."""
    await gallery.grants.grant("gallery", OTHER, "claim")
    with gallery.overlays.read() as connection:
        assert kept_communities(connection) == {OTHER}
    await gallery.contributions.left(OTHER)
    gallery.now += PURGE_SECONDS + 1
    await gallery.contributions.sweep()
    assert gallery.grants.of("gallery") == {}
    assert gallery.library.visible(OTHER) == ()
    with gallery.overlays.read() as connection:
        assert kept_communities(connection) == frozenset()


async def test_operators_alone_with_the_bot_need_no_grant(gallery: Gallery) -> None:
    """They may search the default collection there, and nobody else's chat opens with that."""
    await gallery.reindex()
    gallery.grants.change_operators({"telegram:11", "discord:dm:12"})
    for own in ("telegram:11", "discord:dm:12"):
        assert await gallery.seen(own) == {"red.png"}
    assert gallery.library.visible("telegram:13") == ()
    gallery.grants.change_operators(())
    assert gallery.library.visible("telegram:11") == ()


async def test_what_was_open_before_an_upgrade_stays_so_until_somebody_is_named(
    gallery: Gallery,
) -> None:
    """Where the settings name nobody; once they do, it is closed for good."""
    await gallery.grants.grant("gallery", "*", "kept")
    named = gallery.spec
    silent = CollectionSpec("gallery", named.folder, frozenset({"web"}), is_named=False)
    held = gallery.grants.of("gallery")
    assert not named.opened(held, ()).visible_to(CHAT)
    assert silent.opened(held, ()).visible_to(CHAT)
    assert not silent.opened(held, ()).shared_by(CHAT), "everybody is a stranger there"
    again = StoredGrants.open(gallery.overlays)
    assert again.of("gallery") == {"*": "kept"}
    closed = StoredGrants.open(gallery.overlays, named=["gallery"])
    assert closed.of("gallery") == {}
    assert StoredGrants.open(gallery.overlays).of("gallery") == {}
    assert await again.catch_up(), "a process that runs hears of it, too"
    assert again.of("gallery") == {}
    assert gallery.files.revision(GRANTS) == 2
