"""What is kept of a person: told, handed out, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bot.chat.admission import Admission
from bot.chat.handlers.exports import export
from bot.chat.presenters.search import Presenter
from bot.protocol.ports import PersonalMemory
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from core.domain.ports import Contributions


class Privacy:
    """Answers people about themselves; ``memories`` keep of them what no collection does."""

    def __init__(
        self,
        contributions: Contributions,
        memories: Sequence[PersonalMemory],
        admission: Admission,
    ) -> None:
        self._contributions = contributions
        self._memories = memories
        self._admission = admission
        # An export takes up to 80 MiB: one at a time.
        self._exporting = asyncio.Lock()

    async def info(self, request: Request, presenter: Presenter) -> Reply:
        data = await self._contributions.personal(request.requester)
        remembered = await self._remembered(request.requester)
        return presenter.privacy.info(data, _count(remembered), kept_days=self._kept_days)

    async def export(self, request: Request, presenter: Presenter) -> Reply:
        """All of it as files. Raises TooManyRequests: it counts as a picture."""
        await self._admission.admit_request(request, "picture")
        data = await self._contributions.personal(request.requester)
        remembered = await self._remembered(request.requester)
        async with self._exporting:
            exported = await asyncio.to_thread(export, data, remembered)
        return presenter.privacy.exported(
            data,
            _count(remembered),
            exported.documents,
            left_out=exported.left_out,
            kept_days=self._kept_days,
        )

    async def delete(self, request: Request, presenter: Presenter) -> Reply:
        data = await self._contributions.forget(request.requester)
        forgotten = [await memory.forget(request.requester) for memory in self._memories]
        return presenter.privacy.deleted(data, sum(forgotten), kept_days=self._kept_days)

    @property
    def _kept_days(self) -> int:
        return max((memory.kept_days for memory in self._memories), default=0)

    async def _remembered(self, requester: str) -> Mapping[str, Sequence[Mapping[str, object]]]:
        return {memory.name: await memory.describe(requester) for memory in self._memories}


def _count(remembered: Mapping[str, Sequence[Mapping[str, object]]]) -> int:
    return sum(len(entries) for entries in remembered.values())
