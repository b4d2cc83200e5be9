"""What ``tangerine export`` and ``tangerine import`` do: take a collection elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bot.engine.database import open_catalogue
from bot.engine.engine import open_engine
from bot.engine.files import upload_files
from bot.engine.preflight import check_indexed
from bot.engine.specs import collection_named
from bot.protocol.json_views import Json, failures_view, reindex_view
from bot.tasks.steps import in_steps
from bot.terminal.console import Terminal
from bot.terminal.numbers import counted
from config.settings import Settings
from core.domain.types import ReindexReport
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.transfer.export import Exporter, ExportReport
from index.transfer.format import Tell
from index.transfer.import_ import Imported, Importer
from index.transfer.sample import VectorSample


async def export_collection(
    settings: Settings, terminal: Terminal, folder: Path, collection: str | None, *, json: bool
) -> int:
    """``tangerine export``."""
    await asyncio.to_thread(check_indexed, settings, collection)
    spec = collection_named(settings, collection)
    report = await in_steps(
        terminal, lambda tell: _export(settings, spec, folder, partial(tell, spec.name))
    )
    if json:
        terminal.json(_export_view(report))
    else:
        terminal.line(
            f"{report.collection}: {_held(report.pictures, report.uploads, report.captions)} "
            f"exported, {len(report.failed)} left out"
        )
        terminal.failures(report.failed)
    return 0


async def import_collection(
    settings: Settings, terminal: Terminal, folder: Path, collection: str | None, *, json: bool
) -> int:
    """``tangerine import``."""
    spec = collection_named(settings, collection)
    async with open_engine(settings) as engine:
        sample = VectorSample(engine.embedder, engine.decoder, asyncio.get_running_loop())
        importer = Importer(engine.catalogue, engine.store, engine.overlays, sample)
        taken = await in_steps(
            terminal, lambda tell: importer.take(spec, folder, partial(tell, spec.name))
        )
        same = taken.model.fingerprint == engine.encoder.identity.fingerprint
        if not same:
            terminal.note(
                f"Exported with the model {taken.model.name!r}, but {settings.model!r} is "
                "loaded: every picture is encoded anew."
            )
        elif taken.wrong:
            terminal.note(
                f"{taken.wrong} of {taken.tried} vectors that were tried are not those of "
                "their pictures or captions: every picture is encoded anew."
            )
        else:
            terminal.note(
                f"{taken.tried} of {taken.vectors} vectors were encoded anew to compare: "
                "all agree. The others hold for this collection alone."
            )
        with terminal.progress() as lines:
            report = await engine.reindexer.reindex(
                spec.name,
                full=not same,
                on_progress=lambda progress: lines.update(spec.name, progress),
            )
        await engine.labels.prepare()
    if json:
        terminal.json(_import_view(taken, report, same_model=same))
    else:
        terminal.line(
            f"{taken.collection}: {_held(taken.pictures, taken.uploads, taken.captions)} imported"
        )
        terminal.report(report)
    return 0


def _held(pictures: int, uploads: int, captions: int) -> str:
    return (
        f"{counted(pictures, 'picture')} and {counted(uploads, 'upload')} "
        f"with {counted(captions, 'caption')}"
    )


def _export(settings: Settings, spec: CollectionSpec, folder: Path, tell: Tell) -> ExportReport:
    # Without an engine: who wants to get out need not have the model.
    catalogue = open_catalogue(settings)
    try:
        overlays = Overlays(catalogue.database, upload_files(settings))
        exporter = Exporter(overlays, settings.data_dir / ".export.lock")
        return exporter.export(spec, folder, tell)
    finally:
        catalogue.close()


def _export_view(report: ExportReport) -> Json:
    return asdict(report) | {
        "folder": str(report.folder),
        "failed": failures_view(report.failed),
    }


def _import_view(taken: Imported, report: ReindexReport, *, same_model: bool) -> Json:
    return {
        "collection": taken.collection,
        "pictures": taken.pictures,
        "captions": taken.captions,
        "uploads": taken.uploads,
        "labels": taken.labels,
        "model": taken.model.name,
        "same_model": same_model,
        "vectors": {"all": taken.vectors, "tried": taken.tried, "wrong": taken.wrong},
        "reindex": reindex_view(report),
    }
