"""Bring the catalogues of translations up to date with the code: ``make words``.

Collects every sentence that goes through ``_``, ``gettext`` or ``ngettext``, and every one that
an error is made with, into ``bot/i18n/locales/tangerine.pot``, merges them into each ``.po`` file
there, and says what is still to be translated. ``make words LANGUAGE=fr`` starts a new language.
"""

from __future__ import annotations

import ast
import functools
import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from core.domain.errors import TangerineError, every_error

ROOT = Path(__file__).resolve().parents[1]
LOCALES = ROOT / "bot" / "i18n" / "locales"
TEMPLATE = LOCALES / "tangerine.pot"

_ERRORS = "core/domain/errors.py"
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "_n": (1, 2)}
_WHEN = ("Words: {when} reads as “in 3 seconds”, inflected by the language's own rules.",)
_AUTHORS = "the authors of Tangerine"
_BUGS = "the project's issues"
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
"""The files carry no time of their making: it would be a difference in every commit."""


def template() -> Catalog:
    """Every sentence in the code of ``bot``, with the files where it stands."""
    catalog = Catalog(
        project="Tangerine",
        version="main",
        copyright_holder=_AUTHORS,
        msgid_bugs_address=_BUGS,
        creation_date=_LONG_AGO,
        fuzzy=False,
    )
    found = extract_from_dir(
        ROOT / "bot", method_map=[("**.py", "python")], keywords=_KEYWORDS, comment_tags=("Words:",)
    )
    for name, _, sentence, comments, _ in found:
        if sentence != "":
            catalog.add(sentence, locations=[(f"bot/{name}", 0)], auto_comments=comments)
    for made in errors():
        for sentence in made.sentences:
            comments = _WHEN if "{when}" in sentence else ()
            catalog.add(sentence, locations=[(made.file, 0)], auto_comments=comments)
    return catalog


@dataclass(frozen=True)
class MadeError:
    """A call that makes an error: the sentences it may say, and the names of its facts."""

    file: str
    line: int
    kind: type[TangerineError]
    sentences: tuple[str, ...]
    facts: frozenset[str]


@functools.cache
def errors() -> tuple[MadeError, ...]:
    """Where the code makes errors that others than the operator may read, and their classes.

    Raises ValueError for a sentence that is no literal: nobody could translate it.
    """
    return tuple(_errors({kind.__name__: kind for kind in every_error()}))


def _errors(kinds: Mapping[str, type[TangerineError]]) -> Iterator[MadeError]:
    for kind in kinds.values():
        yield MadeError(_ERRORS, 0, kind, kind.general, frozenset())
    for room in ("bot", "core", "index"):
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield from _made(tree, kinds, path.relative_to(ROOT).as_posix())


def _made(
    tree: ast.AST, kinds: Mapping[str, type[TangerineError]], file: str
) -> Iterator[MadeError]:
    for node in ast.iter_child_nodes(tree):
        inside = kinds
        if isinstance(node, ast.ClassDef) and node.name in kinds:
            inside = {**kinds, "cls": kinds[node.name], "super": kinds[node.name]}
        yield from _made(node, inside, file)
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", "__init__") != "__init__":
            continue  # NotFound(…) makes an error, as does super().__init__(…) in a class of them
        called = {each.id for each in ast.walk(node.func) if isinstance(each, ast.Name)}
        for kind in {kinds[name] for name in called & set(kinds) if not kinds[name].for_operator}:
            said = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "remedy")]
            sentences = tuple(text for each in said for text in _literals(each, file))
            facts = frozenset(each.arg for each in node.keywords if each.arg)
            yield MadeError(file, node.lineno, kind, sentences, facts)


def _literals(node: ast.expr, file: str) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _literals(node.body, file)
        yield from _literals(node.orelse, file)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value:
            yield node.value
    elif file != _ERRORS:  # there, classes hand on what they were given
        raise ValueError(f"{file}:{node.lineno}: the sentence of an error is no literal")


def languages() -> dict[str, Path]:
    """Each language that has a catalogue, with its file."""
    return {path.stem: path for path in sorted(LOCALES.glob("*.po"))}


def read(path: Path) -> Catalog:
    """A catalogue of translations. Raises babel's PoFileError for a broken file."""
    with path.open("rb") as source:
        return read_po(source, abort_invalid=True)


def unfinished(catalog: Catalog) -> list[Message]:
    """What a catalogue leaves untranslated, or translates only by guess (fuzzy)."""
    return [m for m in catalog if m.id and (m.fuzzy or not all(_strings(m)))]


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def _started(locale: Locale) -> Catalog:
    return Catalog(
        locale=locale,
        project="Tangerine",
        version="main",
        msgid_bugs_address=_BUGS,
        header_comment=f"# The words of Tangerine in {locale.english_name}.\n#",
        creation_date=_LONG_AGO,
        revision_date=_LONG_AGO,
        last_translator=_AUTHORS,
        language_team=locale.english_name,
        fuzzy=False,
    )


def _write(path: Path, catalog: Catalog) -> None:
    out = io.BytesIO()
    write_po(out, catalog, width=100, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    path.write_bytes(out.getvalue())


def main() -> None:
    """Write the template, merge it into each language, report."""
    LOCALES.mkdir(exist_ok=True)
    new = template()
    _write(TEMPLATE, new)
    for language in sys.argv[1:]:
        path = LOCALES / f"{language}.po"
        if not path.exists():
            _write(path, _started(Locale.parse(language)))
    for language, path in languages().items():
        catalog = read(path)
        catalog.update(new, update_creation_date=False, update_header_comment=False)
        _write(path, catalog)
        left = unfinished(read(path))
        print(f"{language}: {len(catalog)} sentences, {len(left)} to translate")
        for message in left:
            print(f"    {message.id!r}")


if __name__ == "__main__":
    main()
