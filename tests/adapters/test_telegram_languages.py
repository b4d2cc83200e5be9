"""Telegram in the asker's language, through the real client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.readers import READERS, Reader
from tests.adapters.telegram_parts import ADA, BEN, labels, photos_of, talking

# Telegram names a language, seldom with a country.
_CODES = {"pt": "pt-br", "zh": "zh-hans"}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.language)
async def test_telegram_answers_in_the_language_of_the_asker(
    tmp_path: Path, reader: Reader
) -> None:
    """Help, pictures with captions and scores, their buttons and an error are in one language."""
    async with talking(tmp_path) as talk:
        talk.server.world.user(ADA, language=_CODES.get(reader.language, reader.language))
        [helped] = await talk.ask("/help")
        assert reader.welcome in helped["text"]
        assert reader.summary in helped["text"]
        *album, last = await talk.ask("/find orange fruits --count 3", 4)
        captions = [caption for _, caption in photos_of(talk, album)]
        assert len(captions) == 3
        assert all(f" · {reader.band}" in caption for caption in captions)
        assert last["text"] == reader.heading.format(query="orange fruits")
        assert all(reader.more in label for label in labels(last)[:3])
        [refused] = await talk.ask("/find red --collection nowhere")
        assert reader.not_found in refused["text"]
        # Somebody else is answered in another language at the same time.
        [other] = await talk.ask("/help", chat=BEN, user=BEN)
        assert READERS[0].welcome in other["text"]
