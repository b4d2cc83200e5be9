"""Neutral requests in, neutral replies out: what every chat platform can do, in one place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.actions import Action, ActionCodec
from bot.definitions import CommandDefinition
from bot.examples import examples_of
from bot.failures import Failures
from bot.jobs import Job, ReindexJobs
from bot.parsing import Invocation, parse
from bot.ports import Counters, ModelCard
from bot.presenter import Presenter, keep_private
from bot.replies import LabelBars, Reply
from bot.requests import Request
from bot.searching import Searching
from bot.sheets import Sheets
from core.errors import EmptyCollection, Forbidden, NoPicture, NotFound, ReindexRunning
from core.limits import Limits
from core.ports import Library
from core.search import Search
from core.types import Progress

_CHOICES = 25


@dataclass(frozen=True, slots=True)
class CommandRules:
    """``count``: results where no number is given, 1 to 10."""

    count: int = 5


class Commands:
    """Answers requests. Nothing that goes wrong leaves :meth:`handle` or :meth:`act`.

    An error becomes a reply with ``error`` set, an unexpected one with the short id under
    which the log has it. Only cancellation passes through: the asker has left.
    """

    def __init__(
        self,
        *,
        search: Search,
        library: Library,
        jobs: ReindexJobs,
        limits: Limits,
        counters: Counters,
        failures: Failures,
        presenters: Callable[[str], Presenter],
        codec: ActionCodec,
        sheets: Sheets,
        model: Callable[[], ModelCard],
        rules: CommandRules | None = None,
    ) -> None:
        self._search = search
        self._library = library
        self._jobs = jobs
        self._limits = limits
        self._counters = counters
        self._failures = failures
        self._presenters = presenters
        self._sheets = sheets
        self._model = model
        self._rules = rules or CommandRules()
        self._codec = codec
        self._searching = Searching(search, library, codec, sheets)
        self._calls: Mapping[str, Callable[[Invocation, Request], Awaitable[Reply]]] = {
            "find": self._page,
            "similar": self._page,
            "describe": self._describe,
            "classify": self._classify,
            "reindex": self._reindex,
            "status": self._status,
            "help": self._help,
        }

    async def handle(self, request: Request) -> Reply:
        """Answer a message or a slash command."""
        return await self._guard(request, self._handle)

    async def act(self, action: str, request: Request) -> Reply:
        """Answer a press of a button that carries ``action``.

        The action's rights are those of the request's community and requester, whoever
        was shown the button.
        """

        async def pressed(request: Request) -> Reply:
            self._counters.request(request.platform, "button")
            decoded = self._codec.decode(action, request.community)
            self._limits.admit(
                request.requester, "picture" if decoded.kind == "similar" else "text"
            )
            return await self._run(decoded, request)

        return await self._guard(request, pressed)

    async def follow(self, job: str, request: Request) -> AsyncIterator[Reply]:
        """The replies to draw over the first one while a job goes on; the last is its end."""
        found = self._job(job, request)
        presenter = self._presenters(request.locale)
        if found is not None:
            async for progress in self._jobs.follow(found):
                yield presenter.progress(found.collection, progress, job=job)
        yield await self.progress(job, request)

    async def progress(self, job: str, request: Request) -> Reply:
        """How far a job is now, or how it ended; for adapters that ask from time to time."""

        async def current(request: Request) -> Reply:
            found = self._job(job, request)
            if found is None:
                raise NotFound("That job is over.", remedy="See /status for the result.")
            presenter = self._presenters(request.locale)
            if found.running:
                return presenter.progress(found.collection, found.progress, job=job)
            if found.task.cancelled():
                raise ReindexRunning("The reindex was stopped.", remedy="Start it again later.")
            return presenter.indexed(found.task.result())

        return await self._guard(request, current)

    def running(self, request: Request) -> dict[str, Progress]:
        """The reindexes under way in collections that this community may search."""
        visible = set(self._library.visible(request.community))
        return {name: p for name, p in self._jobs.running().items() if name in visible}

    def collections(self, request: Request, start: str = "") -> tuple[str, ...]:
        """Names to choose from that begin with ``start``: 25 at most, Discord's bound."""
        names = self._library.visible(request.community)
        return tuple(n for n in names if n.lower().startswith(start.lower()))[:_CHOICES]

    async def _guard(
        self, request: Request, answer: Callable[[Request], Awaitable[Reply]]
    ) -> Reply:
        presenter = self._presenters(request.locale)
        try:
            return await answer(request)
        except Exception as error:  # noqa: BLE001 - every failure becomes a reply, here only
            asked = (request.text, *(str(value) for value in request.options.values()))
            info = self._failures.explain(
                error, presenter.words, asked=asked, platform=request.platform
            )
            return presenter.failed(info)

    async def _handle(self, request: Request) -> Reply:
        invocation = parse(request)
        command = invocation.command
        self._counters.request(request.platform, command.name)
        self._check_right(command, request)
        if command.takes_picture and not request.asked_pictures:
            raise NoPicture(
                f"/{command.name} needs a picture.",
                remedy="Attach one, or reply to a message that has one.",
            )
        if command.quota is not None:
            self._limits.admit(request.requester, command.quota)
        reply = await self._calls[command.name](invocation, request)
        return keep_private(reply) if invocation.flag("private") else reply

    @staticmethod
    def _check_right(command: CommandDefinition, request: Request) -> None:
        if command.who == "admin" and not request.is_admin:
            raise Forbidden(
                f"Only administrators may use /{command.name} here.",
                remedy="Ask one of them.",
            )

    async def _run(self, action: Action, request: Request) -> Reply:
        presenter = self._presenters(request.locale)
        reply = await self._searching.page(action, request, presenter)
        return keep_private(reply) if action.private else reply

    async def _page(self, invocation: Invocation, request: Request) -> Reply:
        action = Action(
            "find" if invocation.command.name == "find" else "similar",
            text=invocation.text("query") or invocation.text("text"),
            exclude=invocation.text("exclude"),
            collection=invocation.text("collection"),
            count=invocation.count(self._rules.count),
            private=invocation.flag("private"),
        )
        return await self._run(action, request)

    async def _describe(self, invocation: Invocation, request: Request) -> Reply:
        presenter = self._presenters(request.locale)
        result = await self._search.describe(
            await request.asked_pictures[0].read(),
            community=request.community,
            collection=invocation.text("collection") or None,
            k=invocation.count(self._rules.count),
        )
        return presenter.captions(result, notes=self._searching.notes(request, presenter))

    async def _classify(self, invocation: Invocation, request: Request) -> Reply:
        presenter = self._presenters(request.locale)
        picture = await request.asked_pictures[0].read()
        result = await self._search.classify(picture, invocation.labels)
        reply = presenter.labels(result, notes=self._searching.notes(request, presenter))
        if not request.drawings:
            return reply
        parts = [
            await self._sheets.label_bars(part) if isinstance(part, LabelBars) else part
            for part in reply.parts
        ]
        return replace(reply, parts=tuple(parts))

    async def _reindex(self, invocation: Invocation, request: Request) -> Reply:
        presenter = self._presenters(request.locale)
        visible = self._library.visible(request.community)
        collection = invocation.text("collection") or next(iter(visible), "")
        if collection not in visible:
            raise NotFound("There is no such collection here.", remedy="See /status for names.")
        under_way = self._jobs.running().get(collection)
        if under_way is not None:
            own = self._jobs.of(collection)
            return presenter.already_running(collection, under_way, job=own.id if own else None)
        job = self._jobs.start(collection, full=invocation.flag("full"))
        return presenter.progress(collection, job.progress, job=job.id)

    async def _status(self, invocation: Invocation, request: Request) -> Reply:
        del invocation
        collections = await self._library.status(request.community)
        return self._presenters(request.locale).status(self._model(), collections)

    async def _help(self, invocation: Invocation, request: Request) -> Reply:
        del invocation
        presenter = self._presenters(request.locale)
        examples = await self.examples(request)
        return presenter.help(examples, is_admin=request.is_admin)

    async def examples(self, request: Request) -> Sequence[str]:
        """Three questions that this community's default collection can answer."""
        try:
            snapshot = await self._library.open(None, request.community)
        except (EmptyCollection, NotFound):
            return self._presenters(request.locale).words.generic_examples()
        found = examples_of([text for text, _ in snapshot.captions])
        return found or self._presenters(request.locale).words.generic_examples()

    def _job(self, job_id: str, request: Request) -> Job | None:
        job = self._jobs.get(job_id)
        visible = self._library.visible(request.community)
        return job if job is not None and job.collection in visible else None
