"""The page and its files: read once, filled with words, sent with an entity tag."""

from __future__ import annotations

import hashlib
import html
import importlib.resources
import json

from aiohttp import web

from bot.i18n.messages import Words
from bot.i18n.page import page_words

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class StaticFiles:
    """Files of ``bot/web/static``, in memory: a handful of small ones."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        for entry in importlib.resources.files("bot.web").joinpath("static").iterdir():
            suffix = entry.name[entry.name.rfind(".") :]
            if suffix in _TYPES:
                self._files[entry.name] = (entry.read_bytes(), _TYPES[suffix])

    def page(self, words: Words) -> bytes:
        """The page in one language: each ``{{key}}`` becomes its words."""
        text = self._files["index.html"][0].decode()
        sentences = page_words(words.translate)
        # "<" inside a script element might end it; JSON may write it as an escape.
        data = json.dumps(dict(sentences), ensure_ascii=False).replace("<", "\\u003c")
        text = text.replace("{{words}}", data)
        text = text.replace("{{lang}}", html.escape(words.locale))
        text = text.replace("{{dir}}", words.formats.direction)
        for key, value in sentences.items():
            text = text.replace("{{" + key + "}}", html.escape(value))
        return text.encode()

    def respond(self, request: web.Request, name: str) -> web.Response:
        """One file by its name. Raises HTTPNotFound."""
        if name not in self._files or name == "index.html":
            raise web.HTTPNotFound
        body, media_type = self._files[name]
        return tagged(request, body, media_type)


def tagged(
    request: web.Request, body: bytes, media_type: str, *, language: str = ""
) -> web.Response:
    """The body, or 304 where the browser has the same one.

    ``language`` is the body's, where others exist for readers of others.
    """
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if language:
        headers |= {"Content-Language": language, "Vary": "Accept-Language"}
    if tag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=media_type, charset="utf-8", headers=headers)


def wanted_language(request: web.Request) -> str:
    """What the browser says that its user reads, as ``de-AT, de;q=0.9``; "" where it does not."""
    return request.headers.get("Accept-Language", "")
