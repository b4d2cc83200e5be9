"""A question in words, parsed once, where it enters the program."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "「": "」"}
_QUOTED = "|".join(f"{opened}[^{closed}]*{closed}" for opened, closed in _QUOTES.items())
_WIDE_COLON = "\uff1a"
"""That of Japanese and Chinese keyboards."""

_LABEL = re.compile(rf"(?<!\S)label[:{_WIDE_COLON}](?:({_QUOTED})|(\S*))", re.IGNORECASE)

_IN_WORDS = re.compile(rf"(?<!\S)words[:{_WIDE_COLON}](?!\S)", re.IGNORECASE)

_PHRASE = re.compile(_QUOTED)

QUOTES = frozenset("".join((*_QUOTES, *_QUOTES.values())))
"""Characters that no label can have, as they end it."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is searched for.

    ``text``: the words, which are taken as they are; ``labels``: pictures that are tagged with
    one of these alone, any where there are none; ``exclude``: words whose matches are not wanted.
    ``asked``: how the question was put, as people read it; empty where nobody has put it.
    ``phrases``: words that have to stand in the picture itself, as they were put in quotes; the
    text holds them, too. ``in_words``: pictures alone in which words stand.
    """

    text: str
    labels: tuple[str, ...] = ()
    exclude: str = ""
    asked: str = ""
    phrases: tuple[str, ...] = ()
    in_words: bool = False

    @property
    def shown(self) -> str:
        """The question as people read it."""
        return self.asked or self.text or ", ".join(self.labels) or ("words:" * self.in_words)

    @classmethod
    def parse(cls, text: str, *, label: str = "", exclude: str = "") -> SearchQuery:
        """Take ``label:shoe``, ``label:"running shoe"`` and ``words:`` out of a question.

        What stands in quotes is a phrase of the words in the picture.

        ``label``: one that was named beside the text; people read it before that.
        """
        line = " ".join(text.replace("\0", " ").split())
        named = "".join(each for each in label if each not in QUOTES)
        asked = f'label:"{named}" {text}'.strip() if label else text
        before = (" ".join(named.split()),) if label else ()
        if ":" not in line and _WIDE_COLON not in line:
            # Most questions: nothing to look for at every letter.
            return cls(line, before, exclude, asked).quoted()
        found = tuple(
            " ".join((match[1][1:-1] if match[1] else match[2]).split())
            for match in _LABEL.finditer(line)
        )
        words = " ".join(_LABEL.sub(" ", line).split()) if found else line
        bare = " ".join(_IN_WORDS.sub(" ", words).split())
        query = cls(bare, (*before, *found), exclude, asked, in_words=bare != words)
        return query.quoted()

    def quoted(self) -> SearchQuery:
        """The same with what stands in quotes as phrases."""
        if QUOTES.isdisjoint(self.text):
            return self
        phrases = tuple(
            phrase for match in _PHRASE.finditer(self.text) if (phrase := match[0][1:-1].strip())
        )
        return replace(self, phrases=phrases)
