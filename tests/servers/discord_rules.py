"""What Discord refuses in a message, by its developers' reference: limits and references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15
FILES = 10
REQUEST_BYTES = 25 * 2**20
_CHILDREN, _CHARACTERS, _GALLERY, _ALT = 40, 4000, 10, 1024
_ROW, _SECTION, _CUSTOM_ID, _LABEL = 5, 3, 100, 80
ACTION_ROW, BUTTON, SECTION, TEXT, THUMBNAIL, GALLERY, CONTAINER = 1, 2, 9, 10, 11, 12, 17
STRING, _INTEGER, _BOOLEAN, ATTACHMENT = 3, 4, 5, 11
_TOP = {ACTION_ROW, SECTION, TEXT, GALLERY, CONTAINER}


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
    for item in media_of(component):
        scheme, _, name = item["media"]["url"].partition("://")
        if scheme == "attachment" and name not in files:
            raise _bad(f"there is no file {name}")
        if len(item.get("description") or "") > _ALT:
            raise _bad("description")


def check_commands(commands: Sequence[Json]) -> None:
    """Names and descriptions of slash commands and context menus."""
    for command in commands:
        slash = command["type"] == 1
        if slash and (not command["name"].islower() or not command["description"]):
            raise _bad("name and description")
        if not 1 <= len(command["name"]) <= 32 or len(command.get("description", "")) > 100:
            raise _bad("length of name or description")
        seen_optional = False
        for option in command.get("options", []):
            if option.get("required") and seen_optional:
                raise _bad("required options come first")
            seen_optional = seen_optional or not option.get("required")
            if not 1 <= len(option["description"]) <= 100 or not option["name"].islower():
                raise _bad("option")


def check_option(option: Json, value: Any) -> None:
    """What Discord's own menu lets nobody type."""
    kinds = {STRING: str, _INTEGER: int, _BOOLEAN: bool, ATTACHMENT: str}
    assert type(value) is kinds[option["type"]], f"{option['name']} takes no {value!r}"
    if option["type"] == _INTEGER:
        assert option["min_value"] <= value <= option["max_value"]
    if option["type"] == STRING:
        assert option["min_length"] <= len(value) <= option["max_length"]
