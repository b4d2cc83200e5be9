"""Every language says everything, in its own words, and each reader gets the nearest one."""

from __future__ import annotations

import functools
import gettext
import inspect
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.plurals import get_plural
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.languages import Languages
from bot.i18n.discord import choice_names, context_menus
from bot.i18n.formats import Formats
from bot.i18n.messages import Words
from bot.i18n.telegram import telegram_words
from bot.protocol.definitions import COMMANDS
from core.domain.errors import Busy, TooManyRequests
from core.domain.types import Band, Failure
from scripts.words import TEMPLATE, languages, read, template, unfinished
from tests.bot.i18n.glossary import GLOSSARY, TERMS
from tests.web.parts import languages as spoken

FILES = languages()
TRANSLATED = sorted(FILES)

_VERBATIM = re.compile(r"(?<![\w<])(?:/[a-z]+|--[a-z]+|@\w+)\b|tangerine reindex", re.ASCII)
"""Commands, flags and names, which are the same in every language.

Of other scripts, letters may touch them: Korean hangs its particles on them.
"""


@functools.cache
def source() -> Catalog:
    """The sentences of the code."""
    return template()


@functools.cache
def catalogue_of(language: str) -> Catalog:
    """The translations of a language."""
    return read(FILES[language])


def messages(language: str) -> list[Message]:
    """Every sentence of a language but the header."""
    return [message for message in catalogue_of(language) if message.id]


def forms(message: Message) -> list[tuple[str, str]]:
    """Each form of a translation beside the English form with the same places."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    one, many = message.id
    return [
        (one if number == 0 and len(message.string) > 1 else many, text)
        for number, text in enumerate(message.string)
    ]


def counts(language: str) -> list[set[int]]:
    """For each plural form of a language, the numbers up to 200 that it stands for."""
    catalogue = catalogue_of(language)
    form_of = gettext.c2py(catalogue.plural_expr)  # type: ignore[attr-defined]
    found: list[set[int]] = [set() for _ in range(catalogue.num_plurals)]
    for number in range(201):
        found[form_of(number)].add(number)
    return found


def places(sentence: str) -> set[str]:
    """The named places of a sentence. Raises ValueError for one that cannot be filled in."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def pairs(language: str) -> Iterator[tuple[str, str]]:
    """Every English form with its translation."""
    for message in messages(language):
        yield from forms(message)


def test_the_template_holds_the_words_of_the_code() -> None:
    """What was said anew since the last ``make words`` is told here."""
    written = {message.id for message in read(TEMPLATE)}
    assert written - {""} == {message.id for message in source() if message.id}, "run: make words"
    assert len(written) > 150


@pytest.mark.parametrize("language", TRANSLATED)
def test_everything_is_translated(language: str) -> None:
    """No sentence of the code is missing, empty, or a guess; nothing else is kept."""
    wanted = {message.id for message in source() if message.id}
    assert {message.id for message in messages(language)} == wanted, "run: make words"
    assert [message.id for message in unfinished(catalogue_of(language))] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_places_of_their_sentence(language: str) -> None:
    """What is filled in stays; the form for one may leave its number out."""
    for english, text in pairs(language):
        missing = places(english) - places(text)
        assert places(text) <= places(english), text
        assert not missing or (missing <= {"count", "n"} and "1" not in text), text


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_form_for_several_numbers_names_its_number(language: str) -> None:
    """“One picture” may be said without a figure, but not where it stands for 21 as well."""
    numbers = counts(language)
    for message in messages(language):
        if isinstance(message.id, str):
            continue
        for meant, text in zip(numbers, message.string, strict=True):
            if not meant <= {0, 1} and len(meant) > 1:
                assert places(text) == places(message.id[1]), text


@pytest.mark.parametrize("language", TRANSLATED)
def test_plurals_are_those_of_the_language(language: str) -> None:
    """The rule is the one of the CLDR, and each sentence has as many forms as it asks for."""
    catalogue = catalogue_of(language)
    rule = get_plural(catalogue.locale)
    assert (catalogue.num_plurals, catalogue.plural_expr) == (rule.num_plurals, rule.plural_expr)
    for message in messages(language):
        if not isinstance(message.id, str):
            assert len(message.string) == rule.num_plurals


@pytest.mark.parametrize("language", TRANSLATED)
def test_sentences_end_alike(language: str) -> None:
    """A full stop, a colon or an ellipsis is there where the English sentence has one."""
    ends = {sign: sign for sign in "….:?"} | {"。": ".", "\uff1a": ":", "\uff1f": "?", "؟": "?"}
    for english, text in pairs(language):
        assert ends.get(text[-1], "") == ends.get(english[-1], ""), text
        assert text == text.strip(), text


@pytest.mark.parametrize("language", TRANSLATED)
def test_commands_are_named_as_they_are_written(language: str) -> None:
    """What a reader is to type is not translated."""
    for english, text in pairs(language):
        assert sorted(_VERBATIM.findall(text)) == sorted(_VERBATIM.findall(english)), text


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("language", TRANSLATED)
def test_a_thing_has_one_name(language: str, term: str) -> None:
    """A term is the same word everywhere, so that readers know what is meant."""
    assert language in GLOSSARY, "write its terms into tests/bot/i18n/glossary.py"
    pattern = re.compile(GLOSSARY[language][term], re.IGNORECASE)
    found = [
        (english, text)
        for english, text in pairs(language)
        if re.search(rf"\b{term}(?:s|ed|ing)?\b(?!\}}| --)", _VERBATIM.sub("", english.lower()))
    ]
    assert found or term in {"community", "operator"}
    assert [text for _, text in found if not pattern.search(text)] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_markup_enters_by_a_translation(language: str) -> None:
    """Words are plain text on every platform."""
    for english, text in pairs(language):
        for sign in "<>*_`|~\\":
            assert text.count(sign) == english.count(sign), text


BUTTONS = (
    "Undo",
    "Add anyway",
    "Remove #{number}",
    "Approve #{number}",
    "More held pictures",
    "Review what is held",
    "Answer every photo here",
    "Answer photos only when asked",
    "Show weak matches",
    "Hide weak matches",
    "Back to the operator's numbers",
)
"""Labels of buttons that presenters make."""


def buttons(words: Words) -> Iterator[str]:
    """Every label of a button, with the largest numbers filled in."""
    for name, method in inspect.getmembers(words, inspect.ismethod):
        if name.startswith("button_"):
            parameters = inspect.signature(method).parameters
            yield method(**dict.fromkeys(parameters, 10))
    for sentence in BUTTONS:
        yield words.translate(sentence).format(number=10)


@pytest.mark.parametrize("locale", ["en", *TRANSLATED])
def test_words_keep_the_platforms_bounds(locale: str) -> None:
    """Summaries 100, labels 80, context menus 32: Discord's. Inline hints 64: Telegram's."""
    words = spoken().presenter(locale).words
    labels = list(buttons(words))
    assert set(BUTTONS) <= {message.id for message in source()}
    for label in labels:
        assert 1 <= len(label) <= 80, label
    for command in COMMANDS:
        assert 3 <= len(words.summary(command)) <= 100
        assert all(1 <= len(words.option_summary(option)) <= 100 for option in command.options)
    assert all(1 <= len(name) <= 32 for name in context_menus(words.translate).values())
    assert all(1 <= len(name) <= 100 for name in choice_names(words.translate).values())
    hints = telegram_words(words.translate)
    assert all(len(text) <= 64 for key, text in hints.items() if key.startswith("inline_"))


NEAREST = (
    ("en-US", "en"),
    ("pt-BR", "pt-BR"),
    ("pt_PT", "pt-BR"),
    ("es-419", "es"),
    ("es-ES", "es"),
    ("de-AT", "de"),
    ("DE", "de"),
    ("ja", "ja"),
    ("ar-EG", "ar"),
    ("fr-CA", "fr"),
    ("ko-KR", "ko"),
    ("tr", "tr"),
    # Discord's, Telegram's and browsers' names of simplified Chinese.
    ("zh-CN", "zh"),
    ("zh-hans", "zh"),
    ("zh-Hans-CN", "zh"),
    ("zh", "zh"),
    ("sv-SE", "en"),
    ("", "en"),
    ("no such tag; at all", "en"),
    ("de-AT,de;q=0.9,en;q=0.5", "de"),
    ("sv-SE, ja;q=0.4, es;q=0.8", "es"),
    ("sv, en-GB;q=0.9, de;q=0.8", "en"),
    ("de;q=0, *", "en"),
    ("ja;q=x, pt;q=0.1", "pt-BR"),
)
"""A tag or a list of them, and the language that it leads to, where that is there."""


@pytest.mark.parametrize(
    ("asked", "got"),
    [(tag, got) for tag, got in NEAREST if got.partition("-")[0] in {"en", *TRANSLATED}],
)
def test_readers_get_the_nearest_language(asked: str, got: str) -> None:
    """Any tag, or a browser's list of them, leads to a language; English if none is near."""
    presenter = spoken().presenter(asked)
    assert presenter.words.locale == got
    assert spoken().presenter(asked) is presenter


@given(st.text(max_size=80) | st.text("deasjptn-_,;q=.019* ", max_size=80))
def test_no_tag_breaks_the_choice(tag: str) -> None:
    """What browsers and platforms send is data."""
    assert spoken().presenter(tag) in spoken().all.values()


def test_a_new_file_is_a_new_language(tmp_path: Path) -> None:
    """A catalogue alone adds a language; what it lacks is said in English."""
    (tmp_path / "zh_TW.po").write_text(
        'msgid ""\nmsgstr ""\n"Language: zh_TW\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "strong"\nmsgstr "強"\n'
    )
    (tmp_path / "README").write_text("no catalogue")
    some = Languages(tmp_path)
    words = some.presenter("zh-TW").words
    assert set(some.all) == {"en", "zh-tw"}
    assert (words.locale, words.band(Band.STRONG), words.band(Band.WEAK)) == ("zh-TW", "強", "weak")


def test_numbers_are_written_as_the_language_does() -> None:
    """Points, groups and plurals follow the language; a score is a number all the same."""
    said = {key: presenter.words for key, presenter in spoken().all.items()}
    assert said["de"].score(0.314, Band.STRONG) == "0,31 · stark"
    assert said["ja"].score(-0.001, Band.WEAK) == "0.00 · 弱い"
    assert said["en"].pictures(1) == "1 picture"
    assert said["de"].pictures(12345) == "12.345 Bilder"
    assert said["es"].pictures(1) == "1 imagen"
    assert said["pt"].pictures(2) == "2 imagens"
    assert said["ja"].pictures(1) == "1 枚の画像"


def test_questions_stand_in_the_language_s_own_quotation_marks() -> None:
    """On a map as in sentences."""
    said = {key: each.words.map.question("cat") for key, each in spoken().all.items()}
    assert (said["en"], said["de"], said["es"]) == ("“cat”", "„cat“", "«cat»")
    assert (said["ja"], said["pt"]) == ("「cat」", "“cat”")


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (0.2, "in 1 second", "in 1 Sekunde"),
        (2.1, "in 3 seconds", "in 3 Sekunden"),
        (120, "in 120 seconds", "in 120 Sekunden"),
        (121, "in 3 minutes", "in 3 Minuten"),
        (7201, "in 3 hours", "in 3 Stunden"),
    ],
)
def test_a_wait_is_never_told_too_short(seconds: float, english: str, german: str) -> None:
    """Whoever comes back when told so is not sent away again."""
    assert Formats("en").until(seconds) == english
    assert Formats("de-DE").until(seconds) == german


def test_formats_of_an_unknown_language_are_english() -> None:
    """A number can always be written."""
    assert Formats("xx").decimal(1234.5, 1) == "1,234.5"
    assert (Formats("he").direction, Formats("ja").direction) == ("rtl", "ltr")


@pytest.mark.parametrize(
    ("locale", "remedy"),
    [
        ("de", "Versuch es in 3 Sekunden noch einmal."),
        ("es", "Inténtalo de nuevo dentro de 3 segundos."),
        ("ja", "3 秒後にもう一度お試しください。"),
        ("pt", "Tente de novo em 3 segundos."),
    ],
)
def test_errors_say_when_to_try_again(locale: str, remedy: str) -> None:
    """The seconds of a quota or a full queue are told in every language."""
    words = spoken().presenter(locale).words
    for error in (
        Busy(remedy="Try again {when}.", retry_after=2.2),
        TooManyRequests(retry_after=3),
    ):
        cause, told = words.error(error)
        assert cause == words.translate(error.general[0])
        assert told == remedy


@pytest.mark.parametrize("locale", TRANSLATED)
def test_files_that_cannot_be_read_are_told_in_general(locale: str) -> None:
    """The catalogue keeps the English reason of a file; elsewhere its code has words."""
    failure = Failure("a.png", "damaged_picture", "It is damaged: x.")
    words = spoken().presenter(locale).words
    assert words.failure(failure) == words.translate("That picture is damaged.")
    assert Words().failure(failure) == "It is damaged: x."
