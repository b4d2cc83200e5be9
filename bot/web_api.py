"""The HTTP API of the contract: find, similar, describe, classify."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.admission import Admission
from bot.community_presenter import OperatorDefaults
from bot.definitions import MAX_COUNT
from bot.ports import Counters
from bot.views import classify_view, describe_view, search_view
from bot.web_forms import Form, Forms, whole_number
from core.errors import NoPicture
from core.limits import Kind
from core.search import Search

COMMUNITY = "web"
PLATFORM = "web"

_MAX_OFFSET = 1000


def requester(request: web.Request) -> str:
    """Whom a request counts for: the address it comes from."""
    return f"web:{request.remote}"


class ApiRoutes:
    """Answers with the same JSON as the command line."""

    def __init__(
        self,
        search: Search,
        admission: Admission,
        counters: Counters,
        forms: Forms,
        *,
        defaults: OperatorDefaults,
        admin: bool,
    ) -> None:
        self._search = search
        self._admission = admission
        self._counters = counters
        self._forms = forms
        self._defaults = defaults
        self._admin = admin

    def add_to(self, app: web.Application) -> None:
        """Register the routes."""
        app.router.add_get("/api/find", self._timed(self.find))
        app.router.add_post("/api/similar", self._timed(self.similar))
        app.router.add_post("/api/describe", self._timed(self.describe))
        app.router.add_post("/api/classify", self._timed(self.classify))

    async def find(self, request: web.Request) -> web.Response:
        """``GET /api/find?q=&k=&offset=&exclude=&collection=``."""
        query = request.query
        k, offset = self._page(query.get("k", ""), query.get("offset", ""))
        await self._admit(request, "find", "text")
        result = await self._search.find(
            query.get("q", ""),
            community=COMMUNITY,
            collection=query.get("collection") or None,
            k=k,
            offset=offset,
            exclude=query.get("exclude") or None,
        )
        return web.json_response(search_view(result))

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
        return web.json_response(search_view(result))

    async def describe(self, request: web.Request) -> web.Response:
        """``POST /api/describe``: ``image``, and ``k``, ``collection``."""
        await self._admit(request, "describe", "picture")
        async with self._forms.read(request) as form:
            k, _ = self._page(form.text("k"), "")
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
            labels = [label.strip() for label in written.split(",") if label.strip()]
            result = await self._search.classify(_picture(form), labels)
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
        await self._admission.admit(
            requester(request), kind, community=COMMUNITY, admin=self._admin
        )

    def _page(self, k: str, offset: str) -> tuple[int, int]:
        return (
            whole_number(k, name="k", default=self._defaults.count, low=1, high=MAX_COUNT),
            whole_number(offset, name="offset", default=0, low=0, high=_MAX_OFFSET),
        )


def _picture(form: Form) -> bytes:
    if not form.pictures:
        raise NoPicture("There is no picture.", remedy="Send one in the field image.")
    return form.pictures[0]
