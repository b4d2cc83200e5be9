"""The neutral request that every adapter hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.domain.types import Post
from core.domain.viewer import PostFilter, Viewer


class Attachment(Protocol):
    """A picture that came with a message, fetched only once it is needed and paid for."""

    async def read(self) -> bytes:
        """Its bytes. Raises PictureTooLarge, and Unavailable where it cannot be fetched."""


@dataclass(frozen=True, slots=True)
class InMemory:
    """An attachment whose bytes are here already."""

    data: bytes

    async def read(self) -> bytes:
        return self.data


@dataclass(frozen=True, slots=True)
class NamedChannel:
    """A channel that a request names, or that it was asked in.

    ``chat`` and ``place`` are as in :class:`core.domain.types.Post`; ``readable``: the bot may
    read it and its history.
    """

    chat: str
    place: str
    name: str
    readable: bool


class Showing(Protocol):
    """Shows posted pictures from the platform that has them."""

    async def links(self, posts: Sequence[Post]) -> Mapping[Post, str | None]:
        """A fresh address of each picture that can be had now; None where the post is gone."""


@dataclass(frozen=True, slots=True)
class Request:
    """One message, one slash command or one press of a button.

    ``community`` is ``web``, ``discord:<guild>`` or ``telegram:<chat>``; ``requester``
    names the person over all communities of the platform, for quotas; ``is_admin`` is
    checked by the adapter when the request arrives; ``locale`` is a language tag.
    ``text`` is what was written; where the platform has parsed it already, ``command`` and
    ``options`` (by the names of :mod:`bot.protocol.definitions`) say it instead. ``pictures`` are
    the message's own, ``replied`` those of the message that it replies to. ``drawings``
    asks for contact sheets and bars as PNG. ``channel`` is the chat within the community
    (Discord's channel or thread; the community itself elsewhere). ``may_add`` says that the
    person may add pictures without being an administrator. ``unasked`` marks a photo that
    nobody asked about, answered because the chat is set so: its reply has no parts where
    there is nothing worth saying (no close match, a quota, an unreadable file). ``adults``:
    it is asked, and will be answered, where the platform lets adults alone in. ``address``:
    the network address that it came from, where one may name itself anew; "" elsewhere.
    ``is_operator``: the settings name the person among the administrators of the platform.
    ``replied_to``: the message that it replies to, as ``<chat>:<message>``; ``person``: whom it
    is about, by the requester's name, where the platform says so. ``channels`` are those of the
    community whose posts the answer may show, ``wanted`` the posts that are wanted alone;
    ``named`` are channels that it names; ``hears_all``: the platform shows the bot what people
    post; ``showing`` has the pictures of posts.
    """

    platform: str
    community: str
    requester: str
    is_admin: bool = False
    locale: str = "en"
    text: str = ""
    command: str | None = None
    options: Mapping[str, str | int | bool] = field(default_factory=dict)
    pictures: tuple[Attachment, ...] = ()
    replied: tuple[Attachment, ...] = ()
    drawings: bool = False
    channel: str = ""
    may_add: bool = False
    unasked: bool = False
    adults: bool = False
    address: str = ""
    is_operator: bool = False
    replied_to: str = ""
    person: str = ""
    channels: frozenset[str] = frozenset()
    wanted: PostFilter | None = None
    named: tuple[NamedChannel, ...] = ()
    hears_all: bool = True
    showing: Showing | None = None

    @property
    def operates(self) -> bool:
        """Whether an operator asks: one whom the settings name, or in the own web chat."""
        return self.is_operator or (self.community == "web" and self.is_admin)

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.community, self.adults, self.channels, self.wanted)

    @property
    def keeper(self) -> Viewer:
        """Who looks after pictures: its community, in every kind of place, where it reads."""
        return Viewer(self.community, channels=self.channels)

    @property
    def asked_pictures(self) -> tuple[Attachment, ...]:
        """The pictures that are meant: the message's own, else the replied message's."""
        return self.pictures or self.replied
