"""Messages of Discord and Telegram as HTML, for the pictures of the documentation.

Drawn from the very messages that the bot sent to the loopback platforms: the layout is that
of the components and albums, fonts and colours are our own.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.servers.discord_rules import (
    ACTION_ROW,
    BUTTON,
    CONTAINER,
    GALLERY,
    SECTION,
    TEXT,
    media_of,
)
from tests.servers.telegram_world import World

Json = dict[str, Any]

_FILE = 13
_BOXES = {SECTION: "section", ACTION_ROW: "row", CONTAINER: "box"}
_STYLE = """
* { box-sizing: border-box; margin: 0 }
body { font: 15px/1.4 "DejaVu Sans", "Noto Sans", sans-serif; width: 560px; padding: 16px }
.discord { background: #313338; color: #dbdee1 }
.telegram { background: #dbe6d3; color: #111 }
.asked { opacity: .75; font-size: 13px; margin-bottom: 10px; white-space: pre-wrap }
.message { margin-bottom: 8px }
.telegram .message { background: #fff; border-radius: 12px; padding: 8px 12px; width: fit-content;
  max-width: 100% }
h3 { font-size: 17px; margin: 4px 0 }
small { opacity: .7 }
p { white-space: pre-wrap; overflow-wrap: anywhere }
code { background: #0003; border-radius: 4px; padding: 0 4px; font-size: 13px }
.gallery { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4px; margin: 6px 0 }
.gallery.single { grid-template-columns: 1fr }
.gallery img { width: 100%; height: 150px; object-fit: contain; background: #fff }
.gallery img { border-radius: 6px }
.gallery.single img { height: auto; max-height: 560px }
.section { display: flex; justify-content: space-between; align-items: center; gap: 8px }
.section { margin: 4px 0 }
.row { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 6px }
.button { background: #4e5058; color: #fff; border-radius: 6px; padding: 4px 10px; font-size: 13px;
  white-space: nowrap }
.telegram .button { background: #5b8a5a; flex: 1; text-align: center }
.file { border: 1px solid #8886; border-radius: 6px; padding: 8px; width: fit-content }
figure { margin: 0 } figcaption { font-size: 12px; overflow-wrap: anywhere }
.thumbnail { width: 72px; border-radius: 6px }
"""


def page(platform: str, asked: str, body: str) -> str:
    """A whole HTML page: what was asked and what came back."""
    return (
        f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style>"
        f'<body class="{platform}"><div class=asked>{html.escape(asked)}</div>{body}'
    )


def discord_message(message: Json, files: Mapping[str, bytes]) -> str:
    """One message with components; ``files`` are those of the loopback CDN by path."""
    private = "<small>Only you can see this</small>" if message["flags"] & 64 else ""
    parts = "".join(_component(component, files) for component in message["components"])
    return f"<div class=message>{parts}{private}</div>"


def telegram_messages(messages: Sequence[Json], world: World) -> str:
    """Messages in their order; those of one album stand together."""
    parts: list[str] = []
    album: list[str] = []
    group: str | None = None
    for message in messages:
        if message.get("media_group_id") != group and album:
            parts.append(_gallery(album))
            album = []
        group = message.get("media_group_id")
        if group is not None:
            album.append(_photo(message, world))
        else:
            parts.append(_telegram_message(message, world))
    if album:
        parts.append(_gallery(album))
    return "".join(parts)


def _component(component: Json, files: Mapping[str, bytes]) -> str:
    kind = component["type"]
    if kind == TEXT:
        return _markdown(component["content"])
    if kind == BUTTON:
        return f"<span class=button>{html.escape(component['label'])}</span>"
    if media := media_of(component):
        return _media(media, files, gallery=kind == GALLERY)
    if kind == _FILE:
        url = component["file"]["url"]
        name = component.get("name") or url.rpartition("/")[2].partition("?")[0]
        return f"<div class=file>📎 {html.escape(name)}</div>"
    inner = "".join(_component(child, files) for child in component.get("components", []))
    if kind == SECTION:
        inner = f"<div>{inner}</div>{_component(component['accessory'], files)}"
    return f'<div class="{_BOXES.get(kind, "")}">{inner}</div>'


def _media(media: Sequence[Json], files: Mapping[str, bytes], *, gallery: bool) -> str:
    sources = [_data(files[_path(item["media"]["url"])]) for item in media]
    if not gallery:
        return f'<img class=thumbnail src="{sources[0]}">'
    images = "".join(f'<img src="{source}">' for source in sources)
    return f'<div class="gallery{" single" if len(sources) == 1 else ""}">{images}</div>'


def _markdown(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        kept: list[str] = []

        def keep(match: re.Match[str], kept: list[str] = kept) -> str:
            kept.append(match[1])
            return f"\0{len(kept) - 1}\0"

        shown = html.escape(re.sub(r"\\(.)", keep, line), quote=False)
        shown = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", shown)
        shown = re.sub(r"`(.+?)`", r"<code>\1</code>", shown)
        shown = re.sub(r"^### (.*)", r"<h3>\1</h3>", shown)
        shown = re.sub(r"^-# (.*)", r"<small>\1</small>", shown)
        lines.append(re.sub(r"\0(\d+)\0", lambda m, kept=kept: html.escape(kept[int(m[1])]), shown))
    return "<p>" + "\n".join(lines) + "</p>"


def _telegram_message(message: Json, world: World) -> str:
    body = ""
    if "photo" in message:
        body += f"<div class='gallery single'><img src='{_file(message, world)}'></div>"
    if "document" in message:
        name = message["document"].get("file_name", "file")
        body += f"<div class=file>📎 {html.escape(name)}</div>"
    text = message.get("text") or message.get("caption") or ""
    body += f"<p>{html.escape(text)}</p>"
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    for row in rows:
        buttons = "".join(f"<span class=button>{html.escape(b['text'])}</span>" for b in row)
        body += f"<div class=row>{buttons}</div>"
    return f"<div class=message>{body}</div>"


def _photo(message: Json, world: World) -> str:
    caption = html.escape(message.get("caption", ""))
    return f"<figure><img src='{_file(message, world)}'><figcaption>{caption}</figcaption></figure>"


def _gallery(figures: Sequence[str]) -> str:
    return f"<div class=message><div class=gallery>{''.join(figures)}</div></div>"


def _file(message: Json, world: World) -> str:
    return _data(world.files[message["photo"][-1]["file_id"]].data)


def _path(url: str) -> str:
    return url.partition("/cdn/")[2].partition("?")[0]


def _data(data: bytes) -> str:
    return f"data:image/*;base64,{base64.b64encode(data).decode()}"
