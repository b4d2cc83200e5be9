"""What ``tangerine tag`` does: give every picture the label that fits it best."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bot.protocol.json_views import Json
from bot.terminal.console import Terminal
from bot.terminal.numbers import counted
from core.domain.errors import SourceError
from core.domain.ports import Snapshot
from core.domain.types import Progress
from core.search.labels import NONE, LabelSet, Tags, tidy_labels
from index.indexing.caption_texts import decode
from index.library.library import LOCAL

if TYPE_CHECKING:
    from bot.engine.engine import Engine

_MAX_BYTES = 1 << 20
"""More than a thousand labels of a hundred characters: no file of labels."""


async def tag(
    engine: Engine,
    terminal: Terminal,
    *,
    labels: Path,
    collection: str | None,
    out: Path | None,
    json: bool,
) -> int:
    """The task ``tag``. Raises SourceError, and BadLabels for what is no set of labels."""
    texts = tidy_labels(await asyncio.to_thread(read_labels, labels))
    started = time.monotonic()
    name = engine.collection_name(collection)
    # Says so where there is nothing to tag, before anything is changed.
    snapshot = await engine.library.open(name, LOCAL)
    known = await engine.labels.replace(name, texts)
    tags = await _all_tags(terminal, name, snapshot, known)
    if out is not None:
        table = await asyncio.to_thread(_table_of, snapshot, known, tags)
        await asyncio.to_thread(terminal.save, out, table)
    seconds = time.monotonic() - started
    found = {
        "collection": name,
        "pictures": len(tags.places),
        "labels": list(_counted(snapshot, known, tags)),
        "none": int((tags.places == NONE).sum()),
        "seconds": round(seconds, 3),
    }
    terminal.json(found) if json else _show(terminal, found, seconds)
    return 0


async def clear_tags(
    engine: Engine, terminal: Terminal, *, collection: str | None, json: bool
) -> int:
    """The task ``clear-tags``: forget all labels."""
    name = engine.collection_name(collection)
    cleared = await engine.labels.clear(name)
    if json:
        terminal.json({"collection": name, "cleared": cleared})
    else:
        terminal.note(f"{name} has no labels any more." if cleared else f"{name} had no labels.")
    return 0


async def _all_tags(terminal: Terminal, name: str, snapshot: Snapshot, known: LabelSet) -> Tags:
    with terminal.progress() as lines:

        def told(done: int, total: int) -> None:
            lines.update(name, Progress("tag", done, total))

        return await asyncio.to_thread(known.tags_of, snapshot.picture_index, told)


def read_labels(file: Path) -> list[str]:
    """The lines of a file of labels. Blocking. Raises SourceError."""
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SourceError(f"{file} is too large.", remedy="Give one label a line.")
        text = decode(file.read_bytes())
    except OSError as error:
        raise SourceError(
            f"{file} cannot be read: {error.strerror}.", remedy="Name another file."
        ) from error
    if "\ufffd" in text or "\0" in text:
        raise SourceError(f"{file} is not UTF-8.", remedy="Save it as UTF-8.")
    return text.splitlines()


def _table_of(snapshot: Snapshot, known: LabelSet, tags: Tags) -> bytes:
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(("path", "label", "score"))
    for picture, place, score in zip(
        snapshot.pictures, tags.places.tolist(), tags.scores.tolist(), strict=True
    ):
        label = "" if place == NONE else known.labels[place]
        rows.writerow((picture.path, label, f"{score:.4f}"))
    return table.getvalue().encode()


def _counted(snapshot: Snapshot, known: LabelSet, tags: Tags) -> Iterator[Json]:
    """For each label how many pictures have it, and the path of the one that it fits best."""
    for place, label in enumerate(known.labels):
        rows = tags.rows([place])
        best = snapshot.pictures[int(rows[tags.scores[rows].argmax()])].path if len(rows) else None
        yield {"label": label, "pictures": len(rows), "best": best}


def _show(terminal: Terminal, found: Json, seconds: float) -> None:
    labels: list[Json] = found["labels"]
    rows = [(each["label"], str(each["pictures"]), each["best"] or "-") for each in labels]
    rows.append(("(none fits)", str(found["none"]), "-"))
    terminal.table(("label", "pictures", "fits best"), rows)
    terminal.note(
        f"Tagged {counted(found['pictures'], 'picture')} of {found['collection']} "
        f"in {seconds:.1f} s. "
        f"Find by label as: label:{_asked(labels[0]['label'])}"
    )


def _asked(label: str) -> str:
    return f'"{label}"' if " " in label else label
