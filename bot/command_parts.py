"""What commands are answered with: handed over by the composition root, and by tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.actions import ActionCodec
from bot.admission import Admission
from bot.claims import Claims
from bot.community_presenter import OperatorDefaults
from bot.failures import Failures
from bot.jobs import ReindexJobs
from bot.ports import Counters, ModelCard, PersonalMemory, Tracer
from bot.presenter import Presenter
from bot.sheets import Sheets
from bot.tracing import NoTracer
from core.ports import CommunitySettingsStore, Contributions, Grants, Labels, Library, Moderation
from core.search import Search


@dataclass(frozen=True, slots=True)
class CommandParts:
    """What answers are made of.

    ``memories`` are what adapters keep of people; ``defaults`` hold where a community chose
    nothing; ``now`` tells seconds since the epoch. ``claims`` has the code that lets a chat in;
    ``reindex_cooldown_s`` is the pause between two reindexes of a collection from chats.
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
