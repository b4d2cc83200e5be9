"""Whom the settings name beside the administrators of a platform."""

from __future__ import annotations

from collections.abc import Iterable


class Roster:
    """Ids of users, on Discord also of roles, who may do more than others.

    ``admins`` may do everywhere what administrators may, ``adders`` may add pictures. It is
    read at each request, so that a change counts from the next one on.
    """

    def __init__(self, admins: Iterable[int] = (), adders: Iterable[int] = ()) -> None:
        self.admins = frozenset(admins)
        self.adders = frozenset(adders)

    def change(self, admins: Iterable[int], adders: Iterable[int]) -> None:
        self.admins = frozenset(admins)
        self.adders = frozenset(adders)
