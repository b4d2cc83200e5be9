"""The languages that replies come in: catalogues of translations, and who gets which."""

from __future__ import annotations

import functools
import gettext
import importlib.resources
import io
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from types import MappingProxyType

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bot.chat.presenters.search import Presenter
from bot.i18n.direction import isolated
from bot.i18n.formats import Formats
from bot.i18n.messages import Words

SOURCE = "en"
"""The language that the words are written in, and the one for readers of no other."""

# Browsers send a handful of languages; more are not worth the reading.
_MOST_TAGS = 20

# Discord has each word of the menus translated into its thirty locales.
_REMEMBERED = 256


class Languages:
    """One presenter a language. Reads all catalogues when it is made: some 50 ms, blocking.

    ``folder`` holds a ``<language>.po`` for each language but English; None takes our own.
    Only the text form is kept, so that what is reviewed is what is used.
    """

    def __init__(self, folder: Traversable | None = None) -> None:
        folder = folder or importlib.resources.files("bot.i18n").joinpath("locales")
        presenters = {SOURCE: Presenter(Words())}
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            language, _, suffix = entry.name.rpartition(".")
            if suffix == "po":
                presenters[_normal(language)] = Presenter(_words(entry))
        self.all: Mapping[str, Presenter] = MappingProxyType(presenters)
        self._nearest = functools.lru_cache(_REMEMBERED)(self._negotiated)

    def presenter(self, locale: str) -> Presenter:
        """The presenter of the language nearest to what somebody reads; English if none is.

        ``locale`` is a language tag of any make (``pt-BR``, ``pt_PT``, ``es-419``) or the
        list of them that browsers send as ``Accept-Language``. Never raises.
        """
        return self._nearest(locale)

    def _negotiated(self, locale: str) -> Presenter:
        wanted = [_normal(tag) for tag in _preferred(locale)]
        found = negotiate_locale(wanted, list(self.all), sep="-")
        return self.all[found or SOURCE]


def _normal(tag: str) -> str:
    return tag.replace("_", "-").lower()


def _words(file: Traversable) -> Words:
    with file.open("rb") as source:
        catalogue = read_po(source, abort_invalid=True)
    locale = (catalogue.locale_identifier or SOURCE).replace("_", "-")
    if Formats(locale).direction == "rtl":
        for message in catalogue:
            if message.id and isinstance(message.string, str):
                message.string = isolated(message.string)
            elif message.id:
                message.string = tuple(map(isolated, message.string or ()))
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Words(gettext.GNUTranslations(compiled), locale=locale)


def _preferred(header: str) -> list[str]:
    """The tags of an ``Accept-Language``, the most wanted first (RFC 9110, 12.5.4)."""
    weighed = sorted(_weighed(header), key=lambda pair: -pair[1])
    return [tag for tag, weight in weighed if weight > 0]


def _weighed(header: str) -> Iterator[tuple[str, float]]:
    for entry in header.split(",", _MOST_TAGS)[:_MOST_TAGS]:
        tag, _, parameter = entry.partition(";")
        name, _, value = parameter.partition("=")
        try:
            weight = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            weight = 0.0
        if tag.strip():
            yield tag.strip(), weight
