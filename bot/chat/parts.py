"""What commands are answered with: handed over by the composition root, and by tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.chat.actions import ActionCodec
from bot.chat.admission import Admission
from bot.chat.claims import Claims
from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.chat.presenters.settings import OperatorDefaults
from bot.observability.tracing import NoTracer
from bot.protocol.ports import Counters, ModelCard, PersonalMemory, Tracer
from bot.rendering.sheets import Sheets
from core.domain.ports import (
    ChannelPosts,
    CommunitySettingsStore,
    Contributions,
    Grants,
    Library,
    Posts,
)
from core.domain.reindex_jobs import ReindexJobs
from core.search.ports import Labels, Moderation, PictureWords
from core.search.service import Search


@dataclass(frozen=True, slots=True)
class CommandParts:
    """What answers are made of.

    ``memories`` are what adapters keep of people; ``defaults`` hold where a community chose
    nothing; ``now`` tells seconds since the epoch. ``claims`` has the code that lets a chat in;
    ``reindex_cooldown_s`` is the pause between two reindexes of a collection from chats.
    ``posts`` are pictures that people post; without them no chat can switch that on.
    ``channels`` are those of Discord whose posts are followed.
    """

    search: Search
    library: Library
    contributions: Contributions
    moderation: Moderation
    settings: CommunitySettingsStore
    grants: Grants
    jobs: ReindexJobs
    admission: Admission
    counters: Counters
    failures: Failures
    presenters: Callable[[str], Presenter]
    codec: ActionCodec
    sheets: Sheets
    model: Callable[[], ModelCard]
    memories: Sequence[PersonalMemory] = ()
    defaults: OperatorDefaults = field(default_factory=OperatorDefaults)
    now: Callable[[], float] = time.time
    tracer: Tracer = field(default_factory=NoTracer)
    labels: Labels | None = None
    claims: Claims = field(default_factory=Claims)
    reindex_cooldown_s: float = 0.0
    posts: Posts | None = None
    channels: ChannelPosts | None = None
    words: PictureWords | None = None
