"""Neutral requests in, neutral replies out: what every chat platform can do, in one place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from bot.chat.actions import QUOTA, WHO, Action, Kind, Who
from bot.chat.autocomplete import Choices
from bot.chat.community import CommunityRules
from bot.chat.handlers.access import EVERYWHERE, AccessHandler
from bot.chat.handlers.contribute import Contributing
from bot.chat.handlers.map import Maps
from bot.chat.handlers.moderate import Moderating
from bot.chat.handlers.posts import Posting
from bot.chat.handlers.privacy import Privacy
from bot.chat.handlers.reindex import Indexing
from bot.chat.handlers.search import Searching, by_photo
from bot.chat.parser import Invocation, parse
from bot.chat.parts import CommandParts
from bot.chat.presenters.search import Presenter, keep_private
from bot.chat.reading import LanguageNotes
from bot.observability.tracing import begin_request
from bot.protocol.definitions import CommandDefinition
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from core.domain.errors import (
    BeingIndexed,
    CommunityUnknown,
    Forbidden,
    InvalidRequest,
    NoPicture,
    OperatorOnly,
    TangerineError,
)
from core.domain.ports import ChannelPosts, Contributions, Posts
from core.domain.types import CollectionStatus, Progress, WordsProgress
from core.domain.viewer import is_person
from core.search.map import CollectionMap, Mapper
from core.search.topics import Topics

_EXAMPLES = 3


class Commands:
    """Answers requests. Nothing that goes wrong leaves :meth:`handle` or :meth:`act`.

    An error becomes a reply with ``error`` set, an unexpected one with the short id under
    which the log has it. Only cancellation passes through: the asker has left.
    """

    def __init__(self, parts: CommandParts) -> None:
        self._parts = parts
        self._rules = CommunityRules(parts.settings, parts.defaults, parts.codec)
        self._posting = Posting(parts.posts, parts.channels, self._rules)
        self.languages = LanguageNotes(parts.model, parts.presenters)
        self._searching = Searching(
            parts.search,
            parts.library,
            parts.codec,
            parts.sheets,
            self._rules,
            posting=self._posting,
            languages=self.languages,
        )
        self._maps = Maps(Mapper(parts.library, parts.search), parts.sheets)
        self._moderating = Moderating(parts.moderation, parts.admission, parts.codec, parts.sheets)
        self._contributing = Contributing(
            parts.contributions,
            moderating=self._moderating,
            search=parts.search,
            library=parts.library,
            admission=parts.admission,
            counters=parts.counters,
            codec=parts.codec,
            now=parts.now,
        )
        self._privacy = Privacy(parts.contributions, parts.memories, parts.admission)
        self._indexing = Indexing(
            parts.jobs,
            parts.library,
            counts=parts.admission.counts,
            words=parts.words,
            cooldown_s=parts.reindex_cooldown_s,
        )
        self._topics = Topics(parts.library, parts.search, parts.labels)
        self._access = AccessHandler(parts.library, parts.grants, parts.claims, parts.now)
        self._choices = Choices(parts.library, parts.search, parts.moderation)
        self._calls: Mapping[str, Callable[[Invocation, Request, Presenter], Awaitable[Reply]]] = {
            "find": self._searching.asked,
            "similar": self._searching.asked,
            "describe": self._searching.describe,
            "classify": self._searching.classify,
            "map": self._maps.asked,
            "add": self._add,
            "remove": self._remove,
            "reindex": self._indexing.start,
            "status": self._status,
            "settings": self._rules.settings,
            "moderation": self._moderating.asked,
            "allow": self._access.allow,
            "claim": self._access.claim,
            "privacy": self._tell_privacy,
            "index": self._posting.index,
            "repost": self._posting.repost,
            "help": self._help,
        }
        self._acts: Mapping[Kind, Callable[[Action, Request, Presenter], Awaitable[Reply]]] = {
            "find": self._searching.page,
            "similar": self._searching.page,
            "more_like": self._searching.page,
            "add": self._contributing.add,
            "remove": self._contributing.removed,
            "restore": self._contributing.restored,
            "withdraw": self._contributing.withdrawn,
            "change": self._rules.change,
            "review": self._moderating.review,
            "approve": self._moderating.decide,
            "hide": self._moderating.decide,
            "reconsider": self._moderating.decide,
        }

    @property
    def contributions(self) -> Contributions:
        """Where adapters tell that the bot joined or left a community, or that one moved."""
        return self._parts.contributions

    async def handle(self, request: Request) -> Reply:
        """Answer a message or a slash command; a photo that nobody asked about maybe not.

        The reply has no parts where there is nothing to say.
        """
        if request.unasked:
            return await self._offer(request)
        if self._access.keeps_quiet(request):
            return Reply()
        return await self._guard(request, self._handle)

    async def act(self, action: str, request: Request) -> Reply:
        """Answer a press of a button that carries ``action``.

        The action's rights are those of the request's community and requester, not of the person
        who was shown the button.
        """

        async def pressed(request: Request, presenter: Presenter) -> Reply:
            self._parts.counters.request(request.platform, "button")
            self._access.check(request)
            decoded = await self._parts.codec.decode(action, request.community)
            kind = QUOTA.get(decoded.kind)
            if kind is not None:
                await self._parts.admission.admit_request(request, kind)
            with self._parts.tracer.span(f"button {decoded.kind}"):
                return await self._acts[decoded.kind](decoded, request, presenter)

        return await self._guard(request, pressed)

    async def who(self, action: str, request: Request) -> Who:
        """Who may press a button with this action; never raises, "all" where it is unreadable.

        Adapters for which rights cost a question ask it only where they matter. The right
        itself is checked by :meth:`act`.
        """
        try:
            decoded = await self._parts.codec.decode(action, request.community)
        except TangerineError:
            return "all"
        return WHO.get(decoded.kind, "all")

    @property
    def posts(self) -> Posts | None:
        """Where adapters hand pictures that people post; None: nowhere."""
        return self._parts.posts

    @property
    def channels(self) -> ChannelPosts | None:
        """Which channels' posts adapters follow; None: none."""
        return self._parts.channels

    def indexes_posts(self, community: str) -> bool:
        """Whether pictures that people post there are taken in. From memory."""
        return self._parts.posts is not None and self._rules.indexes_posts(community)

    async def name_community(self, community: str, public_name: str) -> None:
        """Note by which name a chat is found whose posts are taken in. Raises CatalogueError."""
        await self._rules.name(community, public_name)

    def answers_photos(self, request: Request) -> bool:
        """Whether every photo is to be answered in the request's channel. From memory."""
        return self._rules.answers_photos(request)

    async def follow(self, job: str, request: Request) -> AsyncIterator[Reply]:
        """The replies to draw over the first one while a job goes on; the last is its end."""
        presenter = self._parts.presenters(request.locale)
        async for reply in self._indexing.follow(job, request, presenter):
            yield reply
        yield await self.progress(job, request)

    async def progress(self, job: str, request: Request) -> Reply:
        """How far a job is now, or how it ended; for adapters that ask from time to time."""

        async def current(request: Request, presenter: Presenter) -> Reply:
            return await self._indexing.progress(job, request, presenter)

        return await self._guard(request, current)

    def running(self, request: Request) -> dict[str, Progress]:
        """The reindexes under way in collections that this community may search."""
        return self._indexing.running(request)

    def collections(self, request: Request, start: str = "") -> tuple[str, ...]:
        """Names to choose from that begin with ``start``: 25 at most, Discord's bound."""
        return self._choices.collections(request, start)

    async def labels(
        self, request: Request, start: str = "", collection: str = ""
    ) -> tuple[str, ...]:
        """Labels of a collection, or of the default one, with ``start`` in them: 25 at most."""
        return await self._choices.labels(request, start, collection)

    async def criteria(self, request: Request, start: str = "") -> tuple[str, ...]:
        """The community's criteria with ``start`` in them: 25 at most.

        Empty for those who may not moderate. Raises CatalogueError.
        """
        if not (request.is_admin and self._access.is_open(request)):
            return ()
        return await self._choices.criteria(request, start)

    async def pictures(self, request: Request, start: str = "") -> Sequence[tuple[str, str]]:
        """Labels and ids of pictures whose caption contains ``start``: 25 at most.

        Empty for those who may not remove pictures, which is what ids are for.
        """
        if not request.is_admin:
            return ()
        presenter = self._parts.presenters(request.locale)
        return await self._choices.pictures(request, start, presenter)

    async def map_points(
        self, request: Request, *, collection: str, groups: int, text: str
    ) -> CollectionMap:
        """The map for a page that draws it itself. Raises TangerineError."""
        self._parts.counters.request(request.platform, "map")
        self._access.check(request)
        await self._parts.admission.admit_request(request, "text")
        return await self._maps.points(request, collection=collection, groups=groups, text=text)

    def like(self, picture_id: str, request: Request) -> str:
        """The action that :meth:`act` answers with pictures like this one."""
        count = self._rules.count(request.community)
        action = Action("more_like", text=picture_id, count=count)
        return self._parts.codec.encode(action, request.community, request.requester)

    async def examples(self, request: Request, *, patience_s: float = 2.0) -> Sequence[str]:
        """Three questions that this community's default collection can answer.

        In the asker's language, where such are known within ``patience_s`` seconds.
        """
        presenter = self._parts.presenters(request.locale)
        translated = self._topics.translated(presenter.language, community=request.viewer)
        if found := await _soon(translated, patience_s):
            return found[:_EXAMPLES]
        # Most models read English alone; of those that read more, it is known.
        read = presenter.language in self._parts.model().reads
        return await self._choices.examples(
            request, presenter if read else self._parts.presenters("en")
        )

    async def topics(self, request: Request, *, patience_s: float = 2.0) -> Sequence[str]:
        """What this community's default collection is about, as :mod:`core.search.topics` has it.

        In the asker's language. Empty where that is not known within ``patience_s`` seconds; then
        whoever asks again may have it. Never raises.
        """
        language = self._parts.presenters(request.locale).language
        return await _soon(self._topics.of(community=request.viewer, language=language), patience_s)

    async def _guard(
        self, request: Request, answer: Callable[[Request, Presenter], Awaitable[Reply]]
    ) -> Reply:
        begin_request(request.platform)
        started = time.perf_counter()
        presenter = self._parts.presenters(request.locale)
        with self._parts.tracer.span("answer", platform=request.platform) as span:
            try:
                reply = await answer(request, presenter)
            except BeingIndexed as begun:
                # Not an error: it is only too early. A photo that nobody asked about gets no reply.
                return Reply() if request.unasked else presenter.being_indexed(begun)
            except Exception as error:  # noqa: BLE001 - every failure becomes a reply, here only
                asked = (request.text, *(str(value) for value in request.options.values()))
                info = self._parts.failures.explain(
                    error, presenter.words, asked=asked, platform=request.platform
                )
                span.failed(info.code)
                if isinstance(error, CommunityUnknown):
                    return presenter.access.unknown(info, error.community)
                return presenter.failed(info)
            else:
                await self._parts.codec.settle()
                return reply
            finally:
                self._parts.counters.answered(request.platform, time.perf_counter() - started)

    async def _offer(self, request: Request) -> Reply:
        async def answer(request: Request, presenter: Presenter) -> Reply:
            if not (request.asked_pictures and self.answers_photos(request)):
                return Reply()
            self._access.check(request)
            self._parts.counters.request(request.platform, "photo")
            await self._parts.admission.admit_request(request, "picture")
            return await self._searching.photo(request, presenter)

        reply = await self._guard(request, answer)
        # Nobody asked, so the error goes to counters and the log only.
        return Reply() if reply.error is not None else reply

    async def _handle(self, request: Request, presenter: Presenter) -> Reply:
        invocation = parse(request)
        command = invocation.command
        self._parts.counters.request(request.platform, command.name)
        if command.name not in EVERYWHERE:
            self._access.check(request)
        if not command.is_on(request.platform):
            raise InvalidRequest(
                "There is no /{command} here.",
                remedy="/help shows what there is.",
                command=command.name,
            )
        _check_right(command, request)
        if command.needs_picture and not request.asked_pictures:
            raise NoPicture("/{command} needs a picture.", command=command.name)
        quota = "picture" if by_photo(invocation, request) else command.quota
        if quota is not None:
            await self._parts.admission.admit_request(request, quota)
        with self._parts.tracer.span(f"/{command.name}"):
            reply = await self._calls[command.name](invocation, request, presenter)
        return keep_private(reply) if command.private or invocation.flag("private") else reply

    async def _add(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        action = Action(
            "add", text=invocation.text("caption"), collection=invocation.text("collection")
        )
        return await self._contributing.add(action, request, presenter)

    async def _remove(
        self, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        count = self._rules.count(request.community)
        meant = invocation.text("id")
        return await self._contributing.remove(meant, request, presenter, count=count)

    async def _status(
        self, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        del invocation
        library = self._parts.library
        collections = [
            each
            for each in await library.status(request.community)
            if request.operates or library.shares(each.name, request.community)
        ]
        if not collections:
            raise OperatorOnly(
                "This collection is open to everybody; only the operator sees its state.",
                remedy="/settings shows what you decide here.",
            )
        return presenter.status(
            self._parts.model(), collections, await self._words_read(collections)
        )

    async def _words_read(
        self, collections: Sequence[CollectionStatus]
    ) -> Mapping[str, WordsProgress]:
        """How far the words in pictures of each collection were read, where they are."""
        words = self._parts.words
        if words is None:
            return {}
        found = {
            each.name: await asyncio.to_thread(words.progress, each.name) for each in collections
        }
        return {name: come for name, come in found.items() if come is not None}

    async def _tell_privacy(
        self, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        action = invocation.text("action")
        if action in {"out", "in"}:
            return await self._posting.choose(request, presenter, out=action == "out")
        tell = {"export": self._privacy.export, "delete": self._privacy.delete}
        return await tell.get(action, self._privacy.info)(request, presenter)

    async def _help(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        del invocation
        examples = await self.examples(request)
        # The operator needs it for the settings; a group should not see it.
        own_id = request.requester.partition(":")[2] if is_person(request.community) else ""
        return presenter.help(
            examples,
            is_admin=request.is_admin,
            may_add=request.may_add,
            fields=request.command is not None,
            is_operator=request.is_operator,
            own_id=own_id,
            platform=request.platform,
        )


async def _soon(words: Awaitable[tuple[str, ...]], patience_s: float) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(patience_s):
            return await words
    except (TangerineError, TimeoutError):
        return ()


def _check_right(command: CommandDefinition, request: Request) -> None:
    if command.is_for(
        is_admin=request.is_admin, may_add=request.may_add, is_operator=request.operates
    ):
        return
    if command.who == "operator":
        raise OperatorOnly(
            "Only the operator may use /{command}.",
            remedy="The settings name them: discord.admins, telegram.admins.",
            command=command.name,
        )
    if command.who == "adder":
        raise Forbidden("You may not add pictures here.")
    raise Forbidden("Only administrators may use /{command} here.", command=command.name)
