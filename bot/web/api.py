"""The HTTP API of the contract: find, similar, more like one, describe, classify."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.chat.admission import Admission
from bot.chat.parser import split_list
from bot.chat.presenters.settings import OperatorDefaults
from bot.chat.reading import LanguageNotes
from bot.protocol.definitions import MAX_COUNT
from bot.protocol.json_views import classify_view, describe_view, grid_view
from bot.protocol.ports import Counters
from bot.web.forms import Form, Forms, whole_number
from bot.web.page import wanted_language
from bot.web.sessions import COMMUNITY, PLATFORM, neutral
from core.domain.errors import NoPicture
from core.domain.rate_limits import Kind
from core.domain.types import SearchResult
from core.search.browse import Browser
from core.search.query import SearchQuery
from core.search.service import Search

_MAX_COUNT = 100
"""Hits of one answer: the chat has room for a few, a grid for many."""

_MAX_OFFSET = 5000


class ApiRoutes:
    """Answers with the same JSON as the command line."""

    def __init__(
        self,
        search: Search,
        admission: Admission,
        counters: Counters,
        forms: Forms,
        browser: Browser,
        *,
        languages: LanguageNotes,
        defaults: OperatorDefaults,
        admin: bool,
    ) -> None:
        self._search = search
        self._admission = admission
        self._counters = counters
        self._forms = forms
        self._browser = browser
        self._languages = languages
        self._defaults = defaults
        self._admin = admin

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/api/find", self._timed(self.find))
        app.router.add_post("/api/similar", self._timed(self.similar))
        app.router.add_get("/api/pictures/{id}/similar", self._timed(self.like))
        app.router.add_post("/api/describe", self._timed(self.describe))
        app.router.add_post("/api/classify", self._timed(self.classify))

    async def find(self, request: web.Request) -> web.Response:
        """``GET /api/find?q=&k=&offset=&exclude=&collection=``."""
        query = request.query
        k, offset = self._page(query.get("k", ""), query.get("offset", ""))
        await self._admit(request, "find", "text")
        async with self._forms.turn(request):
            result = await self._search.find(
                SearchQuery.parse(query.get("q", ""), exclude=query.get("exclude", "")),
                community=COMMUNITY,
                collection=query.get("collection") or None,
                k=k,
                offset=offset,
            )
        note = ""
        if not result.close_match:
            note = self._languages.of(result.query, wanted_language(request))
        return await self._grid(result, note)

    async def similar(self, request: web.Request) -> web.Response:
        """``POST /api/similar``: ``image``, and ``text``, ``k``, ``offset``, ``collection``."""
        await self._admit(request, "similar", "picture")
        async with self._forms.read(request) as form:
            k, offset = self._page(form.text("k"), form.text("offset"))
            result = await self._search.similar(
                _picture(form),
                community=COMMUNITY,
                collection=form.text("collection") or None,
                k=k,
                offset=offset,
                text=form.text("text") or None,
            )
        return await self._grid(result)

    async def like(self, request: web.Request) -> web.Response:
        """``GET /api/pictures/<id>/similar?k=&offset=&text=``: nothing of it is encoded anew."""
        query = request.query
        k, offset = self._page(query.get("k", ""), query.get("offset", ""))
        await self._admit(request, "more_like", "text")
        result = await self._search.more_like(
            request.match_info["id"],
            community=COMMUNITY,
            k=k,
            offset=offset,
            text=query.get("text") or None,
        )
        return await self._grid(result)

    async def describe(self, request: web.Request) -> web.Response:
        """``POST /api/describe``: ``image``, and ``k``, ``collection``."""
        await self._admit(request, "describe", "picture")
        async with self._forms.read(request) as form:
            k = self._count(form.text("k"), high=MAX_COUNT)
            result = await self._search.describe(
                _picture(form),
                community=COMMUNITY,
                collection=form.text("collection") or None,
                k=k,
            )
        return web.json_response(describe_view(result))

    async def classify(self, request: web.Request) -> web.Response:
        """``POST /api/classify``: ``image`` and ``labels``, with commas or several times."""
        await self._admit(request, "classify", "picture")
        async with self._forms.read(request) as form:
            written = ",".join(form.fields.get("labels", ()))
            result = await self._search.classify(_picture(form), split_list(written))
        return web.json_response(classify_view(result))

    def _timed(self, handler: Handler) -> Handler:
        async def timed(request: web.Request) -> web.StreamResponse:
            started = time.perf_counter()
            try:
                return await handler(request)
            finally:
                self._counters.answered(PLATFORM, time.perf_counter() - started)

        return timed

    async def _admit(self, request: web.Request, command: str, kind: Kind) -> None:
        self._counters.request(PLATFORM, command)
        await self._admission.admit_request(neutral(request, admin=self._admin), kind)

    def _page(self, k: str, offset: str) -> tuple[int, int]:
        return (
            self._count(k, high=_MAX_COUNT),
            whole_number(offset, name="offset", default=0, low=0, high=_MAX_OFFSET),
        )

    def _count(self, k: str, *, high: int) -> int:
        return whole_number(k, name="k", default=self._defaults.count, low=1, high=high)

    async def _grid(self, result: SearchResult, note: str = "") -> web.Response:
        looks = await self._browser.looks([hit.picture for hit in result.hits])
        said = {"note": note} if note else {}
        return web.json_response({**grid_view(result, looks), **said})


def _picture(form: Form) -> bytes:
    if not form.pictures:
        raise NoPicture(remedy="Send one in the field image.")
    return form.pictures[0]
