"""Write ``docs/settings.md`` from the settings themselves: ``make docs``.

Names, defaults and ranges come from ``config/settings.py``, the words from
``config/default.toml``; a test holds those two together.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.engine.reload import LIVE  # noqa: E402 - run as a file
from config.settings import SHORT_NAMES, Collection, Settings  # noqa: E402 - run as a file

PAGE = ROOT / "docs" / "settings.md"
EXPLAINED = ROOT / "config" / "default.toml"

_HEAD = """# Settings

Settings come from the environment, else from a TOML file (`--config`, or `TANGERINE_CONFIG`, or
`tangerine.toml` in the current folder or in `~/.config/tangerine`), else from the defaults.
Relative paths in the file begin at its own folder. `tangerine init` writes such a file. Every
setting has an environment variable, `TANGERINE_<SECTION>__<NAME>`; some have a shorter name
besides, which is the one shown. A name with `_FILE` behind it, as `DISCORD_TOKEN_FILE`, names a
file that holds the secret. A wrong setting stops the start with one line that says what is
allowed; `tangerine doctor` says it, too.

This page is generated from `config/settings.py` and `config/default.toml`.
"""

_TAIL = """## Further collections

`[[collections]]`, once for each: {names}.

```toml
[[collections]]
name = "shop"
folder = "/srv/shop"
communities = ["discord:1234567890", "web"]
```

Who may search a collection is on the page [Collections and permissions](collections.md).

## While it runs

These change at SIGHUP (`kill -HUP`, `docker compose kill -s HUP tangerine`), the others at the
next start: {live}.
"""

_RANGES: tuple[tuple[type, str, str], ...] = (
    (annotated_types.Ge, "ge", "at least {}"),
    (annotated_types.Gt, "gt", "more than {}"),
    (annotated_types.Le, "le", "at most {}"),
    (annotated_types.Lt, "lt", "less than {}"),
)


def page() -> str:
    """The whole page."""
    words = _words()
    parts = [_HEAD, "## General\n", *_table(Settings, "", words)]
    for name, field in Settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            parts += [f"## [{name}]\n", *_table(inner, name, words)]
    names = ", ".join(f"`{name}`" for name in Collection.model_fields)
    live = ", ".join(f"`{name}`" for name in sorted(LIVE))
    return "\n".join([*parts, _TAIL.format(names=names, live=live)])


def _table(model: type[BaseModel], section: str, words: dict[str, str]) -> Iterator[str]:
    yield "| Setting | Default | Allowed | Environment | Meaning |\n|---|---|---|---|---|"
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        if (isinstance(inner, type) and issubclass(inner, BaseModel)) or name == "collections":
            continue
        dotted = f"{section}.{name}" if section else name
        cells = (
            f"`{name}`",
            _default(field),
            _allowed(field),
            f"`{_variable(section, name)}`",
            words[dotted],
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        value = json.dumps(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _allowed(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    return ", ".join(
        words.format(f"{getattr(bound, name):,}")
        for kind, name, words in _RANGES
        for bound in field.metadata
        if isinstance(bound, kind)
    )


def _variable(section: str, name: str) -> str:
    for short, place in SHORT_NAMES.items():
        if place == (section, name):
            return short
    return f"TANGERINE_{section}__{name}".upper() if section else f"TANGERINE_{name}".upper()


def _words() -> dict[str, str]:
    """The comment above each setting of the default file, in one line."""
    words: dict[str, str] = {}
    section, comment, used = "", list[str](), False
    for line in EXPLAINED.read_text(encoding="utf-8").splitlines():
        name, equals, _ = line.removeprefix("# ").partition(" = ")
        if equals and name.isidentifier():
            used = True
            words[f"{section}.{name}" if section else name] = " ".join(comment)
        elif line.startswith("#"):
            comment = [line.lstrip("# ")] if used else [*comment, line.lstrip("# ")]
            used = False
        else:
            section = line.strip("[]") if line.startswith("[") else section
            comment, used = [], False
    return words


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
