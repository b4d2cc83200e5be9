"""Tux Paint's stamps that exist as vector drawings only, drawn as bitmaps.

The product reads bitmaps alone; for training and for a comparison with earlier figures these
149 pictures count too. Needs the package ``resvg-py`` (see README.md).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from recipes.mini.sources import STAMPS

_EDGE = 448
"""Pixels of width: twice the image tower's edge."""


def draw_stamps(root: Path, out: Path) -> Path:
    """A root like the package's, with a bitmap and a caption file for each such stamp.

    Drawings without a size of their own (16 of 165) are left out.
    """
    if out.is_dir():
        return out
    import resvg_py  # type: ignore[import-not-found]  # noqa: PLC0415 - for a first run only

    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    folder = root / STAMPS
    for drawing in sorted(folder.rglob("*.svg")):
        caption = drawing.with_suffix(".txt")
        if drawing.with_suffix(".png").exists() or not caption.exists():
            continue
        try:
            bitmap = bytes(resvg_py.svg_to_bytes(svg_path=str(drawing), width=_EDGE))
        except ValueError:
            continue
        target = part / STAMPS / drawing.relative_to(folder).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(bitmap)
        shutil.copyfile(caption, target.with_suffix(".txt"))
    part.rename(out)
    return out
