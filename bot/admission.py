"""Who may ask how much: the operator's quotas, with the pauses that a community chose."""

from __future__ import annotations

from core.limits import Kind, Limits
from core.ports import CommunitySettingsStore


class Admission:
    """Asks the quotas. ``settings`` are those of the communities."""

    def __init__(self, limits: Limits, settings: CommunitySettingsStore) -> None:
        self._limits = limits
        self._settings = settings

    def admit(
        self,
        requester: str,
        kind: Kind,
        *,
        community: str,
        admin: bool = False,
        unasked: bool = False,
        address: str = "",
    ) -> None:
        """Count one request. Raises TooManyRequests, or CommunityQuotaUsed of its kind.

        ``admin`` opens the larger quota of administrators where the adapter knows of the
        right. Telegram is only asked who administers a chat where the command needs it, so
        an administrator's finds there count like everybody's. ``address``: see
        :meth:`core.limits.Limits.admit`.
        """
        chosen = self._settings.of(community)
        pauses: dict[Kind, float] = {}
        if chosen.text_cooldown_s is not None:
            pauses["text"] = chosen.text_cooldown_s
        if chosen.picture_cooldown_s is not None:
            pauses["picture"] = chosen.picture_cooldown_s
        self._limits.admit(
            requester,
            kind,
            community=community,
            admin=admin,
            unasked=unasked,
            cooldown_s=pauses,
            address=address,
        )
