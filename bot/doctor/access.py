"""Who may search what, as ``tangerine doctor`` tells it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from bot.doctor.findings import Findings, fine, warning
from bot.engine.exposure import open_to_everybody
from index.library.grants import KEPT, Grant
from index.library.library import CollectionSpec


def check_access(catalogue: Path, specs: Sequence[CollectionSpec]) -> Findings:
    """Who was let in beside those whom the settings name; what is open to everybody.

    Blocking. Changes nothing: the catalogue is opened to be read alone.
    """
    grants = _grants(catalogue)
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


def _grants(file: Path) -> Sequence[Grant]:
    if not file.exists():
        return ()
    query = "SELECT collection, community, origin, granted_at FROM grants ORDER BY 1, 2"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            return [Grant(*row) for row in connection.execute(query)]
    except sqlite3.Error:
        return ()  # of an older version, or damaged: said where the index is looked at
