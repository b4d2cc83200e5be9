"""Discord in the asker's language, through the real client."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest

from tests.adapters.discord_parts import ANA, chatting
from tests.adapters.readers import READERS, Reader
from tests.servers.discord_world import Person
from tests.web.parts import Parts

# Discord has locales of its own: no plain "es" or "pt", Latin American Spanish, and no Arabic.
_LOCALES = {tag.value.partition("-")[0]: tag.value for tag in discord.Locale}
_HERE = [reader for reader in READERS if reader.language in _LOCALES]


def test_discord_has_few_of_our_languages_not() -> None:
    """Whoever reads one that Discord does not have is answered in English there."""
    assert {reader.language for reader in READERS} - set(_LOCALES) <= {"ar"}


@pytest.mark.parametrize("reader", _HERE, ids=lambda reader: reader.language)
async def test_discord_answers_in_the_language_of_the_asker(tmp_path: Path, reader: Reader) -> None:
    """Help, pictures with captions and scores, their buttons and an error are in one language."""
    asker = Person(ANA.id + 1, "reader", locale=_LOCALES[reader.language])
    async with chatting(Parts(tmp_path)) as chat:
        discord, server = chat.discord, chat.server
        helped = await discord.answer(await discord.slash(asker, server, "help"))
        assert reader.welcome in helped.text
        assert reader.summary in helped.text
        options = {"query": "something red", "count": 3}
        found = await discord.answer(await discord.slash(asker, server, "find", options))
        heading = reader.heading.format(query="something red")
        assert " ".join(heading.split()) in found.text
        assert reader.band in found.text
        assert any(reader.more in label for label in found.buttons)
        assert all(alt.startswith(reader.picture) for alt in found.descriptions)
        wrong = {"query": "red", "collection": "nowhere"}
        refused = await discord.answer(await discord.slash(asker, server, "find", wrong))
        assert refused.private
        assert reader.not_found in refused.text
        # Somebody else is answered in another language at the same time.
        other = await discord.answer(await discord.slash(ANA, server, "help"))
        assert READERS[0].welcome in other.text
