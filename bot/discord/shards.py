"""Which of Discord's shards this process connects, where several share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Shards:
    """``ids`` of ``count`` shards."""

    ids: range
    count: int

    @classmethod
    def named(cls, text: str) -> Self:
        """As the setting has them: ``0-3/8`` or ``4/8``."""
        ids, _, count = text.partition("/")
        first, _, last = ids.partition("-")
        return cls(range(int(first), int(last or first) + 1), int(count))

    def hold(self, guild_id: int) -> bool:
        """Whether a server is among theirs.

        https://discord.com/developers/docs/events/gateway#sharding-sharding-formula
        """
        return (guild_id >> 22) % self.count in self.ids
