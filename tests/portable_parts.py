"""Exporting and importing galleries, and exports that somebody has tampered with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from core.domain.types import Progress, ReindexReport
from index.transfer.export import Exporter, ExportReport
from index.transfer.import_ import Imported, Importer
from index.transfer.sample import VectorSample
from index.vectors.durable import checksum
from tests.galleries import Gallery

Tell = Callable[[Progress], None]


def quietly(_: Progress) -> None:
    """Nobody wants to know."""


def export(gallery: Gallery, folder: Path, tell: Tell = quietly) -> ExportReport:
    """Export the gallery."""
    exporter = Exporter(gallery.overlays, gallery.data / ".export.lock")
    return exporter.export(gallery.spec, folder, tell)


def take(gallery: Gallery, folder: Path, tell: Tell = quietly) -> Imported:
    """Import into the gallery, without the reindex that follows."""
    importer = Importer(gallery.catalogue, gallery.store, gallery.overlays)
    return importer.take(gallery.spec, folder, tell)


async def take_tried(gallery: Gallery, folder: Path, *, size: int = 2) -> Imported:
    """The same, after ``size`` of its pictures and captions each were encoded anew."""
    sample = VectorSample(gallery.embedder, gallery.decoder, asyncio.get_running_loop(), size=size)
    importer = Importer(gallery.catalogue, gallery.store, gallery.overlays, sample)
    return await asyncio.to_thread(importer.take, gallery.spec, folder, quietly)


async def take_whole(gallery: Gallery, folder: Path, *, size: int = 2) -> ReindexReport:
    """Import into the gallery as the command does."""
    taken = await take_tried(gallery, folder, size=size)
    same = taken.model.fingerprint == gallery.embedder.identity.fingerprint
    return await gallery.reindex(full=not same)


def lines(folder: Path, path: str = "pictures.jsonl") -> list[dict[str, Any]]:
    """The lines of one of the files."""
    return [json.loads(line) for line in (folder / path).read_text().splitlines()]


def put_lines(folder: Path, entries: list[Any], path: str = "pictures.jsonl") -> None:
    """Other lines, vouched for by the manifest."""
    text = "".join(
        entry if isinstance(entry, str) else json.dumps(entry) + "\n" for entry in entries
    )
    (folder / path).write_text(text)
    sign(folder, path)


def put_tensors(folder: Path, path: str = "vectors.safetensors", **tensors: Any) -> None:
    """Other tensors beside those that stay, vouched for by the manifest; None takes one out."""
    kept: dict[str, Any] = load_file(folder / path) | tensors
    save_file(
        {name: np.asarray(each) for name, each in kept.items() if each is not None}, folder / path
    )
    sign(folder, path)


def sign(folder: Path, path: str) -> None:
    """Let the manifest say what the file holds now."""
    manifest = folder / "tangerine.json"
    document = json.loads(manifest.read_text())
    document["files"][path] = checksum(folder / path)[0]
    manifest.write_text(json.dumps(document))


def set_manifest(folder: Path, **fields: Any) -> None:
    """Other fields in the manifest."""
    manifest = folder / "tangerine.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | fields))


def names(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
