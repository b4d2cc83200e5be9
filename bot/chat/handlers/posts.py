"""Pictures that people post: switched on and off, taken out, asked where they were before."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.chat.community import CommunityRules
from bot.chat.handlers.post_channels import PostChannelHandler, day_of
from bot.chat.parser import Invocation
from bot.chat.presenters.search import Presenter, keep_private
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from core.domain.errors import BadSetting, InvalidRequest, NotFound
from core.domain.ports import ChannelPosts, Posts
from core.domain.types import Post
from core.domain.viewer import PostFilter, is_person

PLATFORMS = frozenset({"telegram", "discord"})
"""Where posts are taken in."""

_ID = re.compile(r"\d{1,19}")
_CHECKED = 20
"""Of so many earlier posts it is asked whether they are still there: more are told as a number."""


class Posting:
    """Answers /index and /repost; without ``posts`` there are no such commands."""

    def __init__(
        self, posts: Posts | None, channels: ChannelPosts | None, rules: CommunityRules
    ) -> None:
        self._posts = posts
        self._channels = None if channels is None else PostChannelHandler(channels, rules)
        self._rules = rules

    async def index(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        """Switch it on or off, tell how it stands, or take somebody's posts out.

        Raises InvalidRequest, BadSetting, NotFound.
        """
        posts = self._port(request)
        if is_person(request.community):
            raise InvalidRequest(
                "/index is for groups and channels.", remedy="Write it there, as an administrator."
            )
        if request.platform == "discord":
            return await self._index_channels(posts, invocation, request, presenter)
        return await self._index_chat(posts, invocation, request, presenter)

    async def _index_chat(
        self, posts: Posts, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        community, about = request.community, invocation.text("about")
        action = invocation.text("action") or "status"
        said = presenter.posts
        takes = {"off": ("", "forget"), "forget": None}.get(action, ("",))
        if takes is not None and about.lower() not in takes:
            raise BadSetting(
                "/{command} does not understand “{text}”.",
                remedy="There are: /index on, /index off, /index off forget, /index status, "
                "/index forget @person.",
                command=f"index {action}",
                text=about[:32],
            )
        if action == "on":
            kept = await posts.kept(community)
            if kept.full and not kept.pictures:
                raise InvalidRequest(
                    "There is no room for pictures that are posted.",
                    remedy="Whoever runs this bot can raise posts.max_pictures, or free the disk.",
                )
            if not await self._rules.index_posts(request, on=True):
                return keep_private(said.status(kept, is_on=True))
            # Seen by all who post there, as it concerns them.
            return said.switched_on()
        if action == "off":
            await self._rules.index_posts(request, on=False)
            if about:
                return keep_private(said.forgotten(await posts.forget_all(community)))
            return keep_private(said.switched_off((await posts.kept(community)).pictures))
        if action == "forget":
            people = await self._meant(posts, about, request)
            counts = [await posts.forget(community, person) for person in people]
            return keep_private(said.forgotten(sum(counts)))
        kept = await posts.kept(community)
        return keep_private(said.status(kept, is_on=self._rules.indexes_posts(community)))

    async def repost(self, _: Invocation, request: Request, presenter: Presenter) -> Reply:
        """Where the asked picture was posted before. Raises what reading a picture raises."""
        posts = self._port(request)
        picture = await request.asked_pictures[0].read()
        found = [
            post
            for post in await posts.like(picture, request.viewer)
            if f"{post.chat}:{post.message}" != request.replied_to
        ]
        gone = (await self._looked_up(found[:_CHECKED], request))[1]
        found = [post for post in found if post not in gone]
        name = self._rules.public_name(request.community)
        is_on = self._rules.indexes_posts(request.community)
        return presenter.posts.before(found, name, is_on=is_on)

    async def choose(self, request: Request, presenter: Presenter, *, out: bool) -> Reply:
        """Keep somebody's posts out, or take them in again. Raises InvalidRequest."""
        posts = self._port(request)
        if out:
            return presenter.posts.opted_out(await posts.opt_out(request.requester))
        await posts.opt_in(request.requester)
        return presenter.posts.opted_in()

    async def of(
        self, picture_ids: Sequence[str], request: Request
    ) -> Mapping[str, Sequence[Post]]:
        if self._posts is None or request.platform not in PLATFORMS or not picture_ids:
            return {}
        return await self._posts.of(picture_ids, request.viewer)

    async def shown(
        self, picture_ids: Sequence[str], request: Request
    ) -> tuple[Mapping[str, Sequence[Post]], Mapping[Post, str], Collection[str]]:
        """The posts of these pictures, where each can be seen now, and which pictures lost one.

        What the platform does not have any more is deleted here, too.
        """
        found = await self.of(picture_ids, request)
        links, gone = await self._looked_up([posts[0] for posts in found.values()], request)
        return found, links, {each for each, posts in found.items() if posts[0] in gone}

    async def _looked_up(
        self, posts: Sequence[Post], request: Request
    ) -> tuple[Mapping[Post, str], Collection[Post]]:
        """Where each post can be seen now, and those that were gone and are deleted here, too."""
        if request.showing is None or self._posts is None or not posts:
            return {}, ()
        links = await request.showing.links(posts)
        gone = {post for post, link in links.items() if link is None}
        if request.platform == "discord" and self._channels is not None:
            await self._channels.deleted(gone)
        else:
            for post in gone:
                # Its number stays, so that an older export does not bring it back.
                await self._posts.edited(replace(post, file_id="", file_unique_id=""))
        return {post: link for post, link in links.items() if link}, gone

    async def filter_of(self, invocation: Invocation, request: Request) -> PostFilter | None:
        """The posts that the options want alone, None where they want any picture.

        Raises BadSetting.
        """
        channel, person = invocation.text("in"), invocation.text("from")
        after, before = day_of(invocation, "after"), day_of(invocation, "before")
        if not (channel or person or after is not None or before is not None):
            return None
        if self._posts is None or request.platform not in PLATFORMS:
            raise InvalidRequest(
                "What people post is searched in chats alone.",
                remedy="Leave out --from, --after and --before.",
            )
        posts = self._posts
        number = _ID.search(channel)
        author = ""
        if person:
            named = _ID.search(person) if person.startswith(("<@", *"0123456789")) else None
            known = () if named else await posts.authors(request.community, person.lstrip("@"))
            # Nobody is called so: nothing is found, as where somebody posted nothing.
            author = f"{request.platform}:{named[0]}" if named else next(iter(known), "?")
        chat = f"{request.platform}:{number[0]}" if number else ("?" if channel else "")
        return PostFilter(chat, author, after, before)

    async def _index_channels(
        self, posts: Posts, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        if self._channels is None:
            raise InvalidRequest("There is no /{command} here.", command="index")
        if invocation.text("action") == "forget":
            if not request.person:
                raise NotFound(
                    "I do not know whose posts are meant.", remedy="Choose a person as well."
                )
            count = await posts.forget(request.community, request.person)
            return keep_private(presenter.posts.forgotten(count))
        kept = await posts.kept(request.viewer)
        return keep_private(await self._channels.index(kept, invocation, request, presenter))

    def _port(self, request: Request) -> Posts:
        if self._posts is None or request.platform not in PLATFORMS:
            raise InvalidRequest(
                "There is no /{command} here.",
                remedy="/help shows what there is.",
                command=request.command or "privacy out",
            )
        return self._posts

    @staticmethod
    async def _meant(posts: Posts, about: str, request: Request) -> Sequence[str]:
        """The people that a mention, a handle, an id or the answered message names."""
        if request.person:
            return (request.person,)
        named = about.strip().removeprefix("@")
        if _ID.fullmatch(named):
            return (f"{request.platform}:{named}",)
        found = await posts.authors(request.community, named) if named else ()
        if not found:
            raise NotFound(
                "I do not know whose posts are meant.",
                remedy="Answer one of them with /index forget, or write /index forget @person.",
            )
        return found
