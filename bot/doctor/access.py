"""Who may search what, as ``tangerine doctor`` tells it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.doctor.findings import Findings, fine, warning
from bot.engine.database import read_from
from bot.engine.exposure import open_to_everybody
from config.settings import Settings
from index.library.grants import KEPT, all_grants
from index.library.library import CollectionSpec


def check_access(settings: Settings, specs: Sequence[CollectionSpec]) -> Findings:
    """Who was let in beside those whom the settings name; what is open to everybody.

    Blocking. Changes nothing: the catalogue is opened to be read alone.
    """
    grants = read_from(settings, all_grants) or ()
    told = (
        f"{each.collection}: {each.community} was let in ({each.origin})."
        for each in grants
        if each.origin != KEPT
    )
    return (
        *(fine("collections", each) for each in told),
        *(
            warning("collections", each.cause, each.remedy)
            for each in open_to_everybody(specs, grants)
        ),
    )
