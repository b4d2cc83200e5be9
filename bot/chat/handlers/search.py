"""Searches as replies: a page is the same for a message and for a button."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from bot.chat.actions import Action, ActionCodec
from bot.chat.community import CommunityRules
from bot.chat.handlers.post_filters import read, written
from bot.chat.handlers.posts import Posting
from bot.chat.parser import Invocation
from bot.chat.presenters.search import Navigation, Presenter, keep_private
from bot.chat.reading import LanguageNotes
from bot.protocol.definitions import MAX_COUNT
from bot.protocol.replies import CaptionList, LabelBars, Pictures, PostLine, Reply
from bot.protocol.requests import Request
from bot.rendering.contact_sheet import QUERY_TILE
from bot.rendering.sheets import Sheets
from core.domain.errors import ExpiredButton, InvalidRequest, NoPicture
from core.domain.ports import Library
from core.domain.types import UPLOADED, Band, Pixels, SearchResult
from core.search.query import SearchQuery
from core.search.service import Search

_LOOKS = 4
"""How often a page is looked up again whose posts are gone."""


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of hits, and where its pictures were posted, by their ids."""

    result: SearchResult
    lines: Mapping[str, PostLine]


class Searching:
    """Runs an :class:`Action` and gives its page the buttons that lead on from it."""

    def __init__(
        self,
        search: Search,
        library: Library,
        codec: ActionCodec,
        sheets: Sheets,
        rules: CommunityRules,
        *,
        posting: Posting,
        languages: LanguageNotes,
    ) -> None:
        self._languages = languages
        self._search = search
        self._library = library
        self._codec = codec
        self._sheets = sheets
        self._rules = rules
        self._posting = posting

    async def asked(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        """The first page of a find or a similar. Raises what the search raises."""
        text = invocation.text("query") or invocation.text("text")
        label = invocation.text("label")
        is_similar = invocation.command.name == "similar" or by_photo(invocation, request)
        if is_similar and (label or invocation.text("exclude")):
            raise InvalidRequest(
                "--exclude and --label go with words alone.",
                remedy="Say in words what you want, or leave the photo out.",
            )
        query = SearchQuery.parse(text, label=label, exclude=invocation.text("exclude"))
        action = Action(
            "similar" if is_similar else "find",
            text=text if is_similar else query.asked,
            exclude=query.exclude,
            collection=invocation.text("collection"),
            count=self._count(invocation, request),
            private=invocation.flag("private"),
            posted=written(await self._posting.filter_of(invocation, request)),
        )
        request = replace(request, wanted=read(action.posted))
        if is_similar:
            return await self.page(action, request, presenter)
        reply = await self._find(query, action, request, presenter)
        return keep_private(reply) if action.private else reply

    async def page(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        """The page that the action names. Raises what the search raises.

        Raises ExpiredButton for a forged count, and NoPicture where a similar search
        comes without its picture.
        """
        request = replace(request, wanted=read(action.posted))
        reply = await self._page(action, request, presenter)
        return keep_private(reply) if action.private else reply

    async def describe(
        self, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        """Captions that match the asked picture. Raises what the search raises."""
        picture = await request.asked_pictures[0].read()
        result = await self._search.describe(
            picture,
            community=request.viewer,
            collection=invocation.text("collection") or None,
            k=self._count(invocation, request),
            preview=_preview(request),
        )
        reply = presenter.captions(result, notes=self._notes(request, presenter))
        captions = next((part for part in reply.parts if isinstance(part, CaptionList)), None)
        if not request.drawings or captions is None:
            return reply
        sheet = await self._sheets.captions_sheet(
            result.preview, presenter.words.described(), captions, request.viewer
        )
        return replace(reply, parts=(*reply.parts, sheet))

    async def classify(
        self, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        """How well each label fits the asked picture. Raises what the search raises."""
        picture = await request.asked_pictures[0].read()
        result = await self._search.classify(picture, invocation.labels)
        reply = presenter.labels(result, notes=self._notes(request, presenter))
        if not request.drawings:
            return reply
        parts = [
            await self._sheets.label_bars(part) if isinstance(part, LabelBars) else part
            for part in reply.parts
        ]
        return replace(reply, parts=tuple(parts))

    async def photo(self, request: Request, presenter: Presenter) -> Reply:
        """What is close to a photo that nobody asked about: no parts where nothing is.

        Of an album it is the first one. Raises what the search raises.
        """
        picture = await request.asked_pictures[0].read()
        action = Action("similar", count=self._rules.count(request.community))
        found = await self._fresh(
            lambda: self._search.similar(
                picture, community=request.viewer, k=action.count, preview=_preview(request)
            ),
            request,
            presenter,
        )
        result = found.result
        close = tuple(hit for hit in result.hits if hit.band is not Band.WEAK)
        if not close:
            return Reply()
        more = result.has_more and len(close) == len(result.hits)
        result = replace(result, hits=close, has_more=more)
        heading = presenter.words.similar("", *_range(result))
        found = replace(found, result=result)
        reply = self._matches(found, heading, action, request, presenter)
        return await self._with_sheet(reply, result.preview, heading, request)

    async def _page(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        if not 1 <= action.count <= MAX_COUNT:
            raise ExpiredButton
        if action.kind == "find":
            query = SearchQuery.parse(action.text, exclude=action.exclude)
            return await self._find(query, action, request, presenter)
        if action.kind == "similar":
            return await self._similar(action, request, presenter)
        if action.kind == "more_like":
            return await self._more_like(action, request, presenter)
        raise ExpiredButton

    def _count(self, invocation: Invocation, request: Request) -> int:
        return invocation.count(self._rules.count(request.community))

    @staticmethod
    def _notes(request: Request, presenter: Presenter) -> Sequence[str]:
        count = len(request.asked_pictures)
        return (presenter.words.first_picture_only(count),) if count > 1 else ()

    async def _find(
        self, query: SearchQuery, action: Action, request: Request, presenter: Presenter
    ) -> Reply:
        found = await self._fresh(
            lambda: self._search.find(
                query,
                community=request.viewer,
                collection=action.collection or None,
                k=action.count,
                offset=action.offset,
            ),
            request,
            presenter,
        )
        heading = presenter.words.found(action.text, action.exclude, *_range(found.result))
        return self._matches(found, heading, action, request, presenter)

    async def _similar(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        if not request.asked_pictures:
            raise NoPicture("The picture is not here any more.", remedy="Send it again.")
        picture = await request.asked_pictures[0].read()
        found = await self._fresh(
            lambda: self._search.similar(
                picture,
                community=request.viewer,
                collection=action.collection or None,
                k=action.count,
                offset=action.offset,
                text=action.text or None,
                preview=_preview(request),
            ),
            request,
            presenter,
        )
        heading = presenter.words.similar(action.text, *_range(found.result))
        reply = self._matches(found, heading, action, request, presenter)
        return await self._with_sheet(reply, found.result.preview, heading, request)

    async def _more_like(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        found = await self._fresh(
            lambda: self._search.more_like(
                action.text, community=request.viewer, k=action.count, offset=action.offset
            ),
            request,
            presenter,
        )
        picture, _ = await self._library.picture_file(action.text, request.viewer)
        caption = presenter.words.caption(picture.caption, picture.path)
        heading = presenter.words.more_like(caption, *_range(found.result))
        reply = self._matches(found, heading, action, request, presenter)
        return await self._with_sheet(reply, picture.id, heading, request)

    def _matches(
        self,
        found: _Page,
        heading: str,
        action: Action,
        request: Request,
        presenter: Presenter,
    ) -> Reply:
        result = found.result

        def encoded(other: Action) -> str:
            return self._codec.encode(other, request.community, request.requester)

        def like(picture_id: str) -> Action:
            return Action("more_like", text=picture_id, count=action.count, private=action.private)

        following = replace(action, offset=action.offset + len(result.hits))
        navigation = Navigation(
            more_like=[encoded(like(hit.picture.id)) for hit in result.hits],
            next_page=encoded(following) if result.has_more else None,
            show_weak=encoded(replace(action, weak=True)),
            count=action.count,
            needs_picture=action.kind == "similar",
        )
        asks_picture = action.kind == "similar" and not request.unasked
        notes = self._notes(request, presenter) if asks_picture else ()
        if action.kind == "find" and not result.close_match:
            notes = tuple(filter(None, [self._languages.of(action.text, request.locale)]))
        weak = action.weak or self._rules.shows_weak(request.community)
        return presenter.matches(
            result,
            heading,
            navigation,
            weak=weak,
            notes=notes,
            posts=found.lines,
        )

    async def _fresh(
        self,
        search: Callable[[], Awaitable[SearchResult]],
        request: Request,
        presenter: Presenter,
    ) -> _Page:
        """A page, and where its pictures were posted; others stand for posts that are gone."""
        for _ in range(_LOOKS):
            result = await search()
            lines, gone = await self._posts(result, request, presenter)
            if not gone:
                break
        else:
            # More were deleted than a question may wait for: better fewer hits than those.
            hits = tuple(hit for hit in result.hits if hit.picture.id not in gone)
            result = replace(result, hits=hits)
        return _Page(result, lines)

    async def _posts(
        self, result: SearchResult, request: Request, presenter: Presenter
    ) -> tuple[Mapping[str, PostLine], Collection[str]]:
        """Where the pictures of a page were posted, by their ids; those whose post is gone."""
        added = {
            hit.picture.id: [
                each.id for each in (hit.picture, *hit.copies) if each.path.startswith(UPLOADED)
            ]
            for hit in result.hits
        }
        ids = list(chain.from_iterable(added.values()))
        found, links, gone = await self._posting.shown(ids, request)
        name = self._rules.public_name(request.community)
        lines = {}
        for own, posted in added.items():
            posts = sorted(
                chain.from_iterable(found.get(each, ()) for each in posted if each not in gone),
                key=lambda post: post.posted_at,
            )
            line = presenter.posts.line(posts, name, links)
            if line is not None:
                # A picture of a folder is shown as it is there.
                lines[own] = line if own in posted else replace(line, file_id="")
        return lines, gone

    async def _with_sheet(
        self, reply: Reply, query: Pixels | str | None, label: str, request: Request
    ) -> Reply:
        pictures = next((part for part in reply.parts if isinstance(part, Pictures)), None)
        if not request.drawings or pictures is None:
            return reply
        sheet = await self._sheets.contact_sheet(query, label, pictures, request.viewer)
        return replace(reply, parts=(*reply.parts, sheet))


def by_photo(invocation: Invocation, request: Request) -> bool:
    """Whether a find goes by the message's own photo, changed by its words.

    The photo of a message that it replies to may be a mere answer: there its words are meant.
    """
    return invocation.command.name == "find" and bool(request.pictures)


def _preview(request: Request) -> int:
    """Pixels of what a contact sheet shows of the posted picture, 0 where none is drawn."""
    return QUERY_TILE if request.drawings else 0


def _range(result: SearchResult) -> tuple[int, int]:
    return result.offset + 1, result.offset + len(result.hits)
