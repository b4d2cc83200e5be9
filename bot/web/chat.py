"""The routes of the page: the conversation, its progress, the welcome and the log-in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from bot.chat.commands import Commands
from bot.chat.presenters.search import Presenter
from bot.i18n.messages import Words
from bot.protocol.definitions import COMMANDS
from bot.protocol.replies import Reply
from bot.protocol.requests import InMemory, Request
from bot.web.auth import RequestGuard
from bot.web.forms import Forms
from bot.web.page import StaticFiles, tagged, wanted_language
from bot.web.pictures import Documents
from bot.web.replies import progress_json, reply_json
from bot.web.sessions import COMMUNITY, neutral
from core.domain.ports import Library
from core.domain.types import CollectionStatus

_LONGEST_ACTION = 256


class ChatRoutes:
    """What the page calls. Replies have status 200 also where they tell of an error."""

    def __init__(
        self,
        commands: Commands,
        library: Library,
        access: RequestGuard,
        forms: Forms,
        presenters: Callable[[str], Presenter],
        *,
        documents: Documents,
        max_bytes: int,
        admin: bool,
    ) -> None:
        self._commands = commands
        self._library = library
        self._access = access
        self._forms = forms
        self._presenters = presenters
        self._documents = documents
        self._max_bytes = max_bytes
        self._admin = admin
        self._static = StaticFiles()
        self._pages: dict[str, bytes] = {}

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/", self.page)
        app.router.add_get("/p/{id}", self.page)
        app.router.add_get("/static/{name}", self.static)
        app.router.add_post("/api/login", self.log_in)
        app.router.add_get("/api/welcome", self.welcome)
        app.router.add_get("/api/progress", self.progress)
        app.router.add_post("/api/chat", self.chat)

    async def page(self, request: web.Request) -> web.Response:
        """``GET /`` and ``/p/<id>``: the page, in the language that the browser asks for.

        Which picture or question an address means, its script finds out.
        """
        words = self._words(request)
        if words.locale not in self._pages:
            self._pages[words.locale] = self._static.page(words)
        return tagged(request, self._pages[words.locale], "text/html", language=words.locale)

    async def static(self, request: web.Request) -> web.Response:
        """``GET /static/<name>``: scripts, styles and the icon."""
        return self._static.respond(request, request.match_info["name"])

    async def log_in(self, request: web.Request) -> web.Response:
        """``POST /api/login`` with the bearer token: gives the browser its cookie."""
        response = web.json_response({})
        self._access.log_in(request, response)
        return response

    async def welcome(self, request: web.Request) -> web.Response:
        """``GET /api/welcome``: what an empty conversation shows and the composer offers."""
        asked = self._request(request)
        words = self._words(request)
        states = await self._library.status(COMMUNITY)
        pictures = sum(state.pictures for state in states)
        examples = await self._commands.examples(asked)
        topics = await self._commands.topics(asked)
        return web.json_response(
            {
                "summary": words.pictures(pictures),
                **_counts(states),
                "examples": [f"/find {example}" for example in examples],
                "topics": list(topics),
                "max_mib": self._max_bytes / 2**20,
                "commands": [
                    {
                        "name": command.name,
                        "usage": words.usage(command, "web"),
                        "summary": words.summary(command),
                    }
                    for command in COMMANDS
                    if command.is_on("web")
                    and command.is_offered_to(is_admin=self._admin, may_add=False)
                ],
            }
        )

    async def progress(self, request: web.Request) -> web.Response:
        """``GET /api/progress?job=``: reindexes under way, and the reply about one job."""
        asked = self._request(request)
        words = self._words(request)
        job = request.query.get("job", "")
        body: dict[str, Any] = {
            "running": [
                progress_json(name, progress, words.progress(name, progress))
                for name, progress in self._commands.running(asked).items()
            ],
        }
        if body["running"]:
            states = await self._library.status(COMMUNITY)
            body |= _counts(states)
            body["summary"] = words.pictures(body["pictures"])
        if job:
            body["reply"] = self._reply(await self._commands.progress(job, asked), request)
        return web.json_response(body)

    async def chat(self, request: web.Request) -> web.Response:
        """``POST /api/chat``: ``text``, any number of ``image``, or a button's ``action``."""
        async with self._forms.read(request) as form:
            asked = self._request(
                request,
                text=form.text("text"),
                pictures=tuple(InMemory(data) for data in form.pictures),
            )
            action = form.text("action")[:_LONGEST_ACTION]
            if action:
                reply = await self._commands.act(action, asked)
            else:
                reply = await self._commands.handle(asked)
        return web.json_response(self._reply(reply, request))

    def _reply(self, reply: Reply, request: web.Request) -> dict[str, Any]:
        return reply_json(reply, lambda document: self._documents.offer(document, request))

    def _words(self, request: web.Request) -> Words:
        return self._presenters(wanted_language(request)).words

    def _request(
        self, request: web.Request, *, text: str = "", pictures: tuple[InMemory, ...] = ()
    ) -> Request:
        locale = self._words(request).locale
        return neutral(request, admin=self._admin, locale=locale, text=text, pictures=pictures)


def _counts(states: Sequence[CollectionStatus]) -> dict[str, Any]:
    """How many pictures can be searched now; of how many, while the rest is indexed, else null."""
    pictures = sum(state.pictures for state in states)
    expected = sum(max(state.pictures, state.expected or 0) for state in states)
    return {"pictures": pictures, "expected": expected if expected > pictures else None}
