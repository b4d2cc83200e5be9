"""What Discord refuses in a message, by its developers' reference: limits and references."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15
FILES = 10
REQUEST_BYTES = 25 * 2**20
_CHILDREN, _CHARACTERS, _GALLERY, _ALT = 40, 4000, 10, 1024
_ROW, _SECTION, _CUSTOM_ID, _LABEL = 5, 3, 100, 80
ACTION_ROW, BUTTON, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, CONTAINER = 1, 2, 9, 10, 11, 12, 13, 17
STRING, _INTEGER, _BOOLEAN, USER, CHANNEL, ATTACHMENT = 3, 4, 5, 6, 7, 11
_TOP = {ACTION_ROW, SECTION, TEXT, GALLERY, FILE, CONTAINER}
_SLASH, _COMMANDS, _OPTIONS, _CHOICES, _COMMAND_CHARACTERS = 1, 100, 25, 25, 8000
_TYPED_NAME = re.compile(r"[-_'\w]{1,32}")
_LOCALES = (
    "id da de en-GB en-US es-ES es-419 fr hr it lt hu nl no pl pt-BR ro fi sv-SE vi tr cs el bg "
    "ru uk hi th zh-CN ja zh-TW ko"
)


class Refused(Exception):
    """The server says no: HTTP status, Discord's code and why."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message}


def _bad(message: str) -> Refused:
    return Refused(400, 50035, f"Invalid Form Body: {message}")


def walk(components: Sequence[Json]) -> Iterator[Json]:
    """Every component, parents first."""
    for component in components:
        yield component
        yield from walk(component.get("components", []))
        if "accessory" in component:
            yield from walk([component["accessory"]])


def media_of(component: Json) -> list[Json]:
    """The gallery items or the thumbnail of a component: each has ``media``."""
    if component["type"] == GALLERY:
        return list(component["items"])
    return [component] if component["type"] == THUMBNAIL else []


def files_of(component: Json) -> list[tuple[Json, str]]:
    """Where a component names files: each an object and its key for the file."""
    if component["type"] == FILE:
        return [(component, "file")]
    return [(item, "media") for item in media_of(component)]


def check_files(files: Mapping[str, bytes], *, limit: int) -> None:
    """Number and sizes of what is uploaded."""
    if len(files) > FILES:
        raise _bad(f"{len(files)} files")
    if sum(map(len, files.values())) > REQUEST_BYTES or any(
        len(data) > limit for data in files.values()
    ):
        raise Refused(413, 40005, "Request entity too large")


def check_message(payload: Json, files: Mapping[str, bytes]) -> None:
    """A message with components: nothing beside them, and all within bounds."""
    if not payload.get("flags", 0) & COMPONENTS_V2:
        if not payload.get("content") and not files:
            raise Refused(400, 50006, "Cannot send an empty message")
        return
    if payload.get("content") or payload.get("embeds"):
        raise _bad("content and embeds do not go with components")
    components = payload.get("components") or []
    everything = list(walk(components))
    if not everything or len(everything) > _CHILDREN:
        raise _bad(f"{len(everything)} components")
    if any(component["type"] not in _TOP for component in components):
        raise _bad("this component may not stand alone")
    texts = [c["content"] for c in everything if c["type"] == TEXT]
    if not all(texts) or sum(map(len, texts)) > _CHARACTERS:
        raise _bad(f"{sum(map(len, texts))} characters of text")
    ids = [c["custom_id"] for c in everything if c["type"] == BUTTON]
    if len(set(ids)) != len(ids) or any(not 1 <= len(i) <= _CUSTOM_ID for i in ids):
        raise _bad("custom_id")
    for component in everything:
        _check_component(component, files)


def _check_component(component: Json, files: Mapping[str, bytes]) -> None:
    kind = component["type"]
    if kind == BUTTON and not 1 <= len(component.get("label", "")) <= _LABEL:
        raise _bad("label")
    if kind == ACTION_ROW and not 1 <= len(component["components"]) <= _ROW:
        raise _bad("a row holds 1 to 5 buttons")
    if kind == SECTION and not 1 <= len(component["components"]) <= _SECTION:
        raise _bad("a section holds 1 to 3 texts")
    if kind == GALLERY and not 1 <= len(component["items"]) <= _GALLERY:
        raise _bad("a gallery holds 1 to 10 items")
    for holder, key in files_of(component):
        scheme, _, name = holder[key]["url"].partition("://")
        if scheme == "attachment" and name not in files:
            raise _bad(f"there is no file {name}")
        if kind == FILE and scheme != "attachment":
            raise _bad("a file has to be uploaded with its message")
        if len(holder.get("description") or "") > _ALT:
            raise _bad("description")


def check_commands(commands: Sequence[Json]) -> None:
    """Names, descriptions and options of slash commands and context menus, in all languages."""
    if len(commands) > _COMMANDS:
        raise _bad(f"{len(commands)} commands")
    for command in commands:
        slash = command["type"] == _SLASH
        _check_texts(command, typed=slash, described=slash)
        seen_optional = False
        options = command.get("options", [])
        if len(options) > _OPTIONS:
            raise _bad(f"{len(options)} options")
        for option in options:
            if option.get("required") and seen_optional:
                raise _bad("required options come first")
            seen_optional = seen_optional or not option.get("required")
            _check_texts(option, typed=True, described=True)
            choices = option.get("choices", [])
            names = [choice["name"] for choice in choices]
            if len(choices) > _CHOICES or len(set(names)) != len(names):
                raise _bad("choices")
            for choice in choices:
                _check_texts(choice, typed=False, described=False, longest=100)
        if _characters(command) > _COMMAND_CHARACTERS:
            raise _bad("a command is too large")


def _check_texts(thing: Json, *, typed: bool, described: bool, longest: int = 32) -> None:
    for name in _in_all_languages(thing, "name"):
        if not 1 <= len(name) <= longest:
            raise _bad(f"name {name!r}")
        if typed and (not _TYPED_NAME.fullmatch(name) or name != name.lower()):
            raise _bad(f"name {name!r}")
    for text in _in_all_languages(thing, "description") if described else ():
        if not 1 <= len(text) <= 100:
            raise _bad(f"description {text!r}")


def _in_all_languages(thing: Json, key: str) -> list[str]:
    translated = thing.get(f"{key}_localizations") or {}
    if not set(translated) <= set(_LOCALES.split()):
        raise _bad(f"locales {sorted(translated)}")
    return [thing.get(key, ""), *translated.values()]


def _characters(thing: Json) -> int:
    # Of each text, the longest language counts.
    own = sum(max(map(len, _in_all_languages(thing, key))) for key in ("name", "description"))
    inner = [*thing.get("options", []), *thing.get("choices", [])]
    return own + len(str(thing.get("value", ""))) + sum(map(_characters, inner))


def check_choices(choices: Sequence[Json]) -> None:
    """What a bot offers while somebody types."""
    if len(choices) > _CHOICES:
        raise _bad(f"{len(choices)} choices")
    for choice in choices:
        if not 1 <= len(choice["name"].strip()) <= len(choice["name"]) <= 100:
            raise _bad(f"choice {choice['name']!r}")
        if not 1 <= len(choice["value"]) <= 100:
            raise _bad(f"choice {choice['value']!r}")


def check_option(option: Json, value: Any) -> None:
    """What Discord's own menu lets nobody type."""
    kinds = {STRING: str, _INTEGER: int, _BOOLEAN: bool, ATTACHMENT: str, USER: str, CHANNEL: str}
    assert type(value) is kinds[option["type"]], f"{option['name']} takes no {value!r}"
    if option["type"] == _INTEGER:
        assert option["min_value"] <= value <= option["max_value"]
    if "choices" in option:
        assert value in [choice["value"] for choice in option["choices"]]
    elif option["type"] == STRING:
        assert option["min_length"] <= len(value) <= option["max_length"]
