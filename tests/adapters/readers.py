"""People of each language, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.protocol.definitions import COMMANDS
from core.domain.types import Band
from tests.web.parts import languages


@dataclass(frozen=True)
class Reader:
    """One language: parts of the help, of a page of three hits, and of an error.

    ``heading`` has the place ``{query}``; ``band`` is that of close matches; ``more`` stands
    on each button that leads to pictures like a hit.
    """

    language: str
    welcome: str
    summary: str
    heading: str
    band: str
    more: str
    picture: str
    not_found: str


WRITTEN_OUT = (
    Reader(
        "en",
        welcome="Describe a picture in your own words",
        summary="Find pictures that a sentence describes",
        heading="Matches 1–3 for “{query}”",  # noqa: RUF001 - a range
        band="strong",
        more="More like #",
        picture="Picture ",
        not_found="There is no such collection here.",
    ),
    Reader(
        "pt",
        welcome="Descreva uma imagem com suas palavras",
        summary="Busca imagens que uma frase descreve",
        heading="Resultados 1–3 de “{query}”",  # noqa: RUF001 - a range
        band="forte",
        more="Mais como #",
        picture="Imagem ",
        not_found="Essa coleção não existe aqui.",
    ),
    Reader(
        "es",
        welcome="Describe una imagen con tus palabras",
        summary="Busca imágenes que describe una frase",
        heading="Resultados 1–3 de «{query}»",  # noqa: RUF001 - a range
        band="fuerte",
        more="Más como #",
        picture="Imagen ",
        not_found="Esa colección no existe aquí.",
    ),
    Reader(
        "de",
        welcome="Beschreib ein Bild mit eigenen Worten",
        summary="Finde Bilder, die ein Satz beschreibt",
        heading="Treffer 1–3 für „{query}“",  # noqa: RUF001 - a range
        band="stark",
        more="Mehr wie #",
        picture="Bild ",
        not_found="Diese Sammlung gibt es hier nicht.",
    ),
    Reader(
        "ja",
        welcome="画像を自分の言葉で説明するか",
        summary="文章で表した画像を探します",
        heading="「{query}」の結果 1〜3",
        band="強い",
        more="に似た画像",
        picture="画像 ",
        not_found="ここにはそのコレクションがありません。",
    ),
)


def _by_our_words() -> Iterator[Reader]:
    """The other languages, as their catalogues have it."""
    find = next(command for command in COMMANDS if command.name == "find")
    welcome = "Describe a picture in your own words, or send one to find others like it."
    for language, presenter in languages().all.items():
        words = presenter.words
        yield Reader(
            language,
            welcome=words.translate(welcome),
            summary=words.summary(find),
            heading=words.found("{query}", "", 1, 3),
            band=words.band(Band.STRONG),
            more=max(words.button_more_like(0).split("0"), key=len),
            picture=words.card_alt(0, "", "").partition("0")[0],
            not_found=words.translate("There is no such collection here."),
        )


_WRITTEN = {reader.language for reader in WRITTEN_OUT}
READERS = (*WRITTEN_OUT, *(each for each in _by_our_words() if each.language not in _WRITTEN))
