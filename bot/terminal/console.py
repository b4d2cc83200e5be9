"""What the command line shows: tables, progress and errors; JSON where it is asked for."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)
from rich.table import Table
from rich.text import Text

from bot.protocol.json_views import engine_of
from bot.terminal.invocation import Called
from bot.terminal.numbers import counted
from bot.terminal.printable import printable
from core.domain.clock_time import clock_time
from core.domain.errors import SourceError
from core.domain.types import (
    Classification,
    CollectionStatus,
    DescribeResult,
    Failure,
    FoundBy,
    Hit,
    LeftOut,
    Progress,
    ReindexReport,
    SearchResult,
    SoFar,
    TakenIn,
)

_UNESCAPED = re.compile("[\x7f-\x9f]")

_STAGES = {
    "wait": "waiting for a worker",
    "scan": "looking for pictures",
    "encode": "indexing",
    "commit": "saving",
    "tag": "tagging",
    "read": "reading words",
    "copy": "copying and comparing",
}
# Where there is no terminal, a line at each tenth is enough for a log.
_PLAIN_STEPS = 10
_FAILURES_SHOWN = 20
_ENDINGS_SHOWN = 5
_ALONE: Mapping[FoundBy | None, str] = {
    FoundBy.PICTURE: "its picture",
    FoundBy.CAPTION: "its caption",
    FoundBy.WORDS: "words in the picture",
}
"""What a hit is found by, where that is worth a word: not both."""
PIPE_WIDTH = 10_000
"""Columns of what is no terminal: what reads it wants lines whole."""


def _found_by(hit: Hit) -> str:
    found = _ALONE.get(hit.found_by, "")
    found = found if hit.text is None else f"{found}: {escape(hit.text)}"
    at = [] if hit.at_s is None else [f"at {clock_time(hit.at_s)}"]
    return ", ".join(filter(None, [found, *at]))


class PlainConsole(Console):
    """Shows texts of strangers (file names, captions) without obeying what is inside them."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


class Terminal:
    """Standard output for results, standard error for everything else."""

    def __init__(
        self,
        *,
        called: Called | None = None,
        consoles: tuple[Console, Console] | None = None,
    ) -> None:
        self.called = called or Called()
        """How commands in messages are to be typed here."""
        # A pipe has no width: what reads it wants lines whole.
        self.out, self.err = consoles or (
            PlainConsole(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH),
            PlainConsole(stderr=True, highlight=False),
        )
        self._own = consoles is None

    def json(self, value: object) -> None:
        written = json.dumps(value, ensure_ascii=False)
        # JSON escapes what is below 0x20; a terminal obeys what is from 0x7f to 0x9f, too.
        self.out.file.write(_UNESCAPED.sub(lambda c: f"\\u{ord(c[0]):04x}", written) + "\n")

    def save(self, path: Path, data: bytes) -> None:
        """Write a file where the person is. Blocking. Raises SourceError."""
        try:
            path.write_bytes(data)
        except OSError as error:
            raise SourceError(
                f"{path} cannot be written: {error.strerror}.", remedy="Name another file."
            ) from error

    def line(self, text: str) -> None:
        """Print a line of the result, whole however narrow the terminal is."""
        self.out.print(text, soft_wrap=True, markup=False)

    def note(self, text: str) -> None:
        self.err.print(escape(self.called.told(text)), soft_wrap=True)

    def warning(self, cause: str, remedy: str = "") -> None:
        self.err.print(f"[bold yellow]warning:[/] {escape(cause)}", soft_wrap=True)
        if remedy:
            self.note(remedy)

    def error(self, cause: str, remedy: str = "") -> None:
        cause = escape(self.called.told(cause))
        self.err.print(f"[bold red]error:[/] {cause}", soft_wrap=True)
        if remedy:
            self.note(remedy)

    def hits(self, result: SearchResult) -> None:
        self._so_far(result.so_far)
        if result.by_letters:
            self.note(
                "The pictures are being encoded anew for another model; until then captions and "
                "words in pictures are searched letter by letter."
            )
        if not result.hits:
            self.note("No picture was found.")
            return
        if result.doubtful:
            self.note("Not sure; the first of these may be what you mean:")
        elif not result.close_match:
            self.note("No close match; these are the nearest pictures:")
        by = any(hit.found_by in _ALONE or hit.at_s is not None for hit in result.hits)
        tagged = any(hit.tag for hit in result.hits)
        heads = (*(["found by"] if by else []), *(["label"] if tagged else []))
        table = _table("", "match", "band", *heads, "caption", "file")
        for hit in result.hits:
            table.add_row(
                str(hit.rank),
                f"{hit.match:.2f}",
                hit.band.value,
                *([_found_by(hit)] if by else []),
                *([escape(hit.tag or "-")] if tagged else []),
                escape(hit.picture.caption or "-"),
                escape(hit.picture.path),
            )
        self.out.print(table)

    def _so_far(self, so_far: SoFar | None) -> None:
        if so_far is not None:
            self.note(
                f"{so_far.searched} of {so_far.total} pictures so far; "
                "the others are being indexed."
            )

    def captions(self, result: DescribeResult) -> None:
        self._so_far(result.so_far)
        if not result.hits:
            self.note(f"No picture of the collection {result.collection} has a caption.")
            return
        table = _table("", "score", "caption (matched, not generated)", "file")
        for hit in result.hits:
            table.add_row(
                str(hit.rank), f"{hit.score:.3f}", escape(hit.caption), escape(hit.picture.path)
            )
        self.out.print(table)

    def labels(self, result: Classification) -> None:
        table = _table("label", "probability", "", "score")
        for label in result.labels:
            table.add_row(
                escape(label.label),
                f"{label.probability:.3f}",
                "█" * round(30 * label.probability),
                f"{label.score:.3f}",
            )
        self.out.print(table)
        if result.none_fits:
            self.note("None of these labels fits the picture well.")

    def taken_in(self, community: str, done: TakenIn, without_file: int) -> None:
        """Print what an import of a chat's history brought, and why not all of it."""
        self.line(f"{community}: {done.added} posts taken in, {done.known} known before")
        for count, why in (
            (done.refused, "of people who want none of theirs taken in"),
            (without_file, "without their file: export the chat with photos and files"),
            (done.unreadable, "with a picture that cannot be read"),
            (done.left_out, "left out: too old (posts.keep_days), or no room (posts.max_pictures)"),
        ):
            if count:
                self.note(f"{count} {why}")

    def report(self, report: ReindexReport) -> None:
        self.line(
            f"{report.collection}: {report.added} added, {report.changed} changed, "
            f"{report.removed} removed, {report.unchanged} unchanged, "
            f"{len(report.unread)} could not be read, in {report.seconds:.1f} s"
        )
        self.failures(report.unread)
        self.left_out(report.left_out)
        if report.unmatched:
            self.line(f"{len(report.unmatched)} rows of caption tables name no picture:")
            self.failures(report.unmatched)

    def left_out(self, left_out: LeftOut) -> None:
        """Print what of a folder was not taken for pictures; nothing where there is none."""
        endings = [suffix or "no ending" for suffix, _ in left_out.unopened[:_ENDINGS_SHOWN]]
        if left_out.files:
            names = f", as {', '.join(endings)}" if endings else ""
            files = counted(
                left_out.files, "other file is no picture", "other files are no pictures"
            )
            self.line(f"  {files}{names}")
        if left_out.excluded:
            shown = ", ".join(left_out.excluded[:_ENDINGS_SHOWN])
            more = ", …" if len(left_out.excluded) > _ENDINGS_SHOWN else ""
            self.line(f"  {len(left_out.excluded)} left out by index.exclude: {shown}{more}")

    def failures(self, failed: Sequence[Failure]) -> None:
        for failure in failed[:_FAILURES_SHOWN]:
            self.line(f"  {failure.path}: {failure.reason}")
        if len(failed) > _FAILURES_SHOWN:
            rest = len(failed) - _FAILURES_SHOWN
            self.line(f"  … and {rest} more; --json lists them all")

    def statuses(self, collections: list[CollectionStatus]) -> None:
        table = _table("collection", "pictures", "captions", "index", "generation")
        for status in collections:
            table.add_row(
                escape(status.name),
                f"{status.pictures} of {status.expected}"
                if status.expected
                else str(status.pictures),
                str(status.captions),
                escape(engine_of(status)),
                str(status.generation),
            )
        self.out.print(table)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = _table(*columns)
        for row in rows:
            table.add_row(*map(escape, row))
        self.out.print(table)

    @contextmanager
    def progress(self) -> Iterator[ProgressLines]:
        """A bar on a terminal, plain lines otherwise."""
        if self.err.is_terminal:
            with _bar(self.err, takes_streams=self._own) as bar:
                yield ProgressBars(bar)
        else:
            yield ProgressLines(self.note)


class ProgressLines:
    """A line when a stage begins and at every tenth of it."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._told: tuple[str, int] | None = None

    def update(self, name: str, progress: Progress) -> None:
        """Tell how far ``name`` has come."""
        step = progress.done * _PLAIN_STEPS // progress.total if progress.total else 0
        if self._told == (progress.stage, step):
            return
        self._told = (progress.stage, step)
        of = f": {progress.done} of {progress.total}" if progress.total else ""
        self._write(f"{name}: {_STAGES[progress.stage]}{of}")


class ProgressBars(ProgressLines):
    def __init__(self, bar: Bar) -> None:
        super().__init__(lambda _: None)
        self._bar = bar
        self._tasks: dict[str, object] = {}

    def update(self, name: str, progress: Progress) -> None:
        """Tell how far ``name`` has come."""
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = self._bar.add_task(name, total=None)
        self._bar.update(
            task,  # type: ignore[arg-type]  # rich's TaskID is an int with a name
            description=f"{escape(name)}: {_STAGES[progress.stage]}",
            completed=progress.done,
            total=progress.total or None,
        )


class Loading:
    """``with Loading(terminal, "…")``: a spinner on a terminal, nothing otherwise."""

    def __init__(self, terminal: Terminal, text: str) -> None:
        self._status = terminal.err.status(text) if terminal.err.is_terminal else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()


def _bar(console: Console, *, takes_streams: bool) -> Bar:
    return Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        # What else this process writes goes above the bar, unless the bar is somebody else's.
        redirect_stdout=takes_streams,
        redirect_stderr=takes_streams,
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
