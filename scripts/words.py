"""Bring the catalogues of translations up to date with the code: ``make words``.

Collects every sentence that goes through ``_``, ``gettext`` or ``ngettext`` into
``bot/i18n/locales/tangerine.pot``, merges them into each ``.po`` file there, and says what is
still to be translated. ``make words LANGUAGE=fr`` starts a new language.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALES = ROOT / "bot" / "i18n" / "locales"
TEMPLATE = LOCALES / "tangerine.pot"

_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "_n": (1, 2)}
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
    return catalog


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
