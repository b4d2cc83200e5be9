"""Errors say the same in every language: sentences are translated, and then filled in with facts.

What stands between the places of a sentence is for the translators; here it is counted that no
fact is lost on the way, from the line of code that makes an error to the words that a reader gets.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable

import pytest

from bot.chat.parser import parse
from bot.observability.health import told_to_strangers
from bot.protocol.requests import Request
from core.domain.errors import (
    BadCount,
    BeingIndexed,
    CatalogueError,
    CommunityUnknown,
    DuplicatePicture,
    Facts,
    ModelMismatch,
    NotFound,
    TangerineError,
    TooManyRequests,
    Unavailable,
    every_error,
    filled,
)
from core.domain.types import Picture
from core.images.errors import (
    not_a_picture,
    out_of_time,
    too_complex,
    too_many_bytes,
    too_many_pixels,
)
from core.search.labels import tidy_labels, unknown
from core.search.moderation import tidy_criterion
from scripts.words import errors, languages, read
from tests.web.parts import languages as spoken

TRANSLATED = sorted(languages())


def places(*sentences: str) -> set[str]:
    """The names between braces."""
    return set(re.findall(r"\{(\w+)\}", " ".join(sentences)))


def caught(make: Callable[[], object]) -> TangerineError:
    """What it raises."""
    with pytest.raises(TangerineError) as error:
        make()
    return error.value


def asked(text: str) -> Request:
    """A request of these words."""
    return Request("web", "web", "somebody", text=text)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_of_every_error_keeps_its_facts(language: str) -> None:
    """All codes, and all sentences that the code makes errors with."""
    catalogue = read(languages()[language])
    said = 0
    for made in errors():
        for sentence in made.sentences:
            translated = catalogue.get(sentence)
            assert translated is not None
            assert places(str(translated.string)) == places(sentence), translated.string
            said += 1
    assert {made.kind.code for made in errors()} == {kind.code for kind in every_error()}
    assert said > 250


def test_whoever_makes_an_error_gives_its_facts() -> None:
    """A place without a fact would be read as it is written, braces and all."""
    lacking = {}
    for made in errors():
        known = made.facts | ({"when"} if issubclass(made.kind, Unavailable) else set())
        if made.line:
            lacking[f"{made.file}:{made.line}"] = (
                places(*(made.sentences or made.kind.general)) - known
            )
        elif made.kind.for_operator:
            # Others read it, who may learn no fact.
            lacking[f"{made.file}, {made.kind.__name__}"] = places(*made.sentences)
    assert {where: names for where, names in lacking.items() if names} == {}


ASKED: dict[str, Callable[[], TangerineError]] = {
    "more results than there are": lambda: caught(lambda: parse(asked("/find x --count 1234"))),
    "an option that a command lacks": lambda: caught(lambda: parse(asked("/find x --colour red"))),
    "too large a picture": lambda: too_many_bytes(31_457_280, 10_485_760),
    "too many pixels": lambda: too_many_pixels(50_000_000, (9000, 9000)),
    "a foreign file": lambda: not_a_picture(b"%PDF-1.7"),
    "too complex a picture": lambda: too_complex("TIFF", 20_000),
    "a slow picture": lambda: out_of_time(2.5),
    "too long a label": lambda: caught(lambda: tidy_labels(["x" * 120])),
    "a label that nothing has": lambda: unknown("plum", ("apple", "pear")),
    "too long a criterion": lambda: caught(lambda: tidy_criterion("y" * 1234)),
    "another model": lambda: ModelMismatch.between("fruit", "mini", "siglip"),
    "a wait": lambda: TooManyRequests(retry_after=90),
    "a chat that is not let in": lambda: CommunityUnknown(community="telegram:-100"),
}
"""More than ten errors, made by the code that members and administrators meet."""

TOLD: dict[str, dict[str, tuple[str, str]]] = {
    "too many pixels": {
        "en": (
            "This picture has 81 megapixels (9,000 x 9,000); at most 50 megapixels are accepted.",
            "Scale it down and send it again.",
        ),
        "de": (
            (
                "Dieses Bild hat 81 Megapixel (9.000 x 9.000); "
                "höchstens 50 Megapixel werden angenommen."
            ),
            "Verkleinere es und schick es noch einmal.",
        ),
    },
    "a slow picture": {
        "es": (
            "Esta imagen tarda más de 2,5 s en decodificarse.",
            "Envía otra imagen o guarda esta como JPEG o PNG.",
        ),
        "ja": (
            "この画像のデコードには 2.5 秒以上かかります。",
            "別の画像を送るか、この画像を JPEG か PNG で保存してください。",
        ),
        "pt": (
            "Esta imagem leva mais de 2,5 s para ser decodificada.",
            "Envie outra imagem ou salve esta como JPEG ou PNG.",
        ),
    },
}


@pytest.mark.parametrize("language", ["en", *TRANSLATED])
@pytest.mark.parametrize("case", ASKED)
def test_every_language_tells_the_same_facts(case: str, language: str) -> None:
    """Numbers in the way of the language, names as they are, and no place left open."""
    error, words = ASKED[case](), spoken().presenter(language).words
    said = words.error(error)
    assert not set("{}") & set("".join(said)), said
    for name in places(*error.sentences):
        assert words.formats.fact(error.facts[name]) in " ".join(said), name
    assert said == TOLD.get(case, {}).get(language, said)
    assert (said == spoken().presenter("en").words.error(error)) == (language == "en")


@pytest.mark.parametrize("language", ["en", *TRANSLATED])
def test_what_is_the_operators_business_is_told_in_general(language: str) -> None:
    """Folders and commands of the machine stay in the log, in every language."""
    words = spoken().presenter(language).words
    lost = CatalogueError("No room in /srv/tangerine.", remedy="Make room there.")
    assert words.error(lost) == tuple(map(words.translate, CatalogueError.general))
    assert str(lost) == "No room in /srv/tangerine. Make room there."
    assert "/srv" not in told_to_strangers(lost)


def test_an_error_without_sentences_has_those_of_its_code() -> None:
    """An operator who knows the cause is not told to tell the operator."""
    assert str(NotFound()) == "There is no such picture or collection here. Search again."
    assert NotFound("It is gone.").remedy == "Search again."
    assert CatalogueError("It is gone.").remedy == ""
    assert CatalogueError().remedy == "Tell the operator of this server."
    assert str(BadCount(number=50, low=1, high=10)) == (
        "50 results cannot be shown. Ask for 1 to 10."
    )


@pytest.mark.parametrize(
    ("sentence", "facts", "text"),
    [
        ("{a} and {b}", {"a": "{b}", "b": 1}, "{b} and 1"),
        ("{a.__class__} {a!r} {a:>99} {0} {}", {"a": "x"}, "{a.__class__} {a!r} {a:>99} {0} {}"),
        ("{missing}", {}, "{missing}"),
        ("{a}", {"a": 2.50001}, "2.5"),
    ],
)
def test_facts_are_put_in_as_they_are(sentence: str, facts: Facts, text: str) -> None:
    """A stranger's words are no sentence, and no path into an object."""
    assert filled(sentence, facts) == text


@pytest.mark.parametrize(
    "error",
    [
        too_many_bytes(3, 2),
        TooManyRequests(retry_after=7),
        BeingIndexed(retry_after=2, total=3),
        DuplicatePicture(
            picture=Picture("00000001", "c", "a.png", "", "0" * 64, 4, 3), score=0.5, exact=False
        ),
    ],
)
def test_errors_cross_borders_whole(error: TangerineError) -> None:
    """Sentences, facts and what else a class has."""
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), vars(copy), str(copy)) == (type(error), vars(error), str(error))
