"""What a community's administrators choose, and what follows from it for every answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.chat.actions import Action, ActionCodec
from bot.chat.parser import Invocation
from bot.chat.presenters.search import Presenter
from bot.chat.presenters.settings import OperatorDefaults
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from core.domain.errors import BadSetting, ExpiredButton, Forbidden
from core.domain.ports import CommunitySettingsStore
from core.domain.types import CommunitySettings


class CommunityRules:
    """Reads and changes the settings of communities, over the operator's defaults."""

    def __init__(
        self, store: CommunitySettingsStore, defaults: OperatorDefaults, codec: ActionCodec
    ) -> None:
        self._store = store
        self._defaults = defaults
        self._codec = codec
        # Two changes at a time must not undo each other.
        self._changing = asyncio.Lock()

    def count(self, community: str) -> int:
        return self._store.of(community).count or self._defaults.count

    def shows_weak(self, community: str) -> bool:
        return self._store.of(community).show_weak

    def answers_photos(self, request: Request) -> bool:
        return _channel(request) in self._store.of(request.community).photo_channels

    def indexes_posts(self, community: str) -> bool:
        """Whether pictures that people post there are taken in."""
        return self._store.of(community).index_posts

    def public_name(self, community: str) -> str:
        """By which the chat is found, empty where it is not public."""
        return self._store.of(community).public_name

    async def index_posts(self, request: Request, *, on: bool) -> bool:
        """Take posts in from now on, or no more; whether that changed anything."""
        async with self._changing:
            settings = self._store.of(request.community)
            if settings.index_posts is on:
                return False
            await self._store.save(request.community, replace(settings, index_posts=on))
        return True

    async def name(self, community: str, public_name: str) -> None:
        """Note by which name a chat is found whose posts are taken in."""
        async with self._changing:
            settings = self._store.of(community)
            if settings.index_posts and settings.public_name != public_name:
                await self._store.save(community, replace(settings, public_name=public_name))

    async def settings(
        self, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        """Change what the options name, and show what holds now. Raises BadSetting."""
        if not invocation.options:
            return self._shown(request, presenter)
        if "photos" in invocation.options and not request.channel:
            raise BadSetting(
                "Every photo that is sent here is answered already.", remedy="Leave out photos."
            )
        cooldowns = {"text_cooldown", "picture_cooldown"}
        if self._defaults.cooldown_s is None and not cooldowns.isdisjoint(invocation.options):
            raise BadSetting(
                "The operator has switched quotas off, so there are no pauses.",
                remedy="Leave out the cooldowns.",
            )

        def changed(settings: CommunitySettings) -> CommunitySettings:
            if photos := invocation.text("photos"):
                settings = _with_photos(settings, request, answer=photos == "on")
            if weak := invocation.text("weak"):
                settings = replace(settings, show_weak=weak == "show")
            if (count := invocation.number("count")) is not None:
                settings = replace(settings, count=count)
            if (pause := invocation.number("text_cooldown")) is not None:
                settings = replace(settings, text_cooldown_s=pause)
            if (pause := invocation.number("picture_cooldown")) is not None:
                settings = replace(settings, picture_cooldown_s=pause)
            return settings

        async with self._changing:
            settings = changed(self._store.of(request.community))
            await self._store.save(request.community, settings)
        return self._shown(request, presenter, saved=True)

    async def change(self, action: Action, request: Request, presenter: Presenter) -> Reply:
        """Do what a button of the settings says. Raises Forbidden and ExpiredButton."""
        if not request.is_admin:
            raise Forbidden("Only administrators may use /{command} here.", command="settings")
        async with self._changing:
            settings = self._store.of(request.community)
            match action.text:
                case "photos:on" | "photos:off":
                    answer = action.text == "photos:on"
                    settings = _with_photos(settings, request, answer=answer)
                case "weak:show" | "weak:hide":
                    settings = replace(settings, show_weak=action.text == "weak:show")
                case "numbers:default":
                    settings = replace(
                        settings, count=None, text_cooldown_s=None, picture_cooldown_s=None
                    )
                case _:
                    raise ExpiredButton
            await self._store.save(request.community, settings)
        return self._shown(request, presenter)

    def _shown(self, request: Request, presenter: Presenter, *, saved: bool = False) -> Reply:
        return presenter.community.settings(
            self._store.of(request.community),
            self._defaults,
            lambda text: self._codec.encode(
                Action("change", text=text), request.community, request.requester
            ),
            photos=self.answers_photos(request) if request.channel else None,
            saved=saved,
        )


def _channel(request: Request) -> str:
    return request.channel or request.community


def _with_photos(
    settings: CommunitySettings, request: Request, *, answer: bool
) -> CommunitySettings:
    channel = frozenset({_channel(request)})
    channels = settings.photo_channels
    return replace(settings, photo_channels=channels | channel if answer else channels - channel)
