"""Which fonts there are, and which letters each of them has. Blocking."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont

_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/Library/Fonts"))
_NOTO_CJK = ("NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "NotoSansCJK-VF.otf.ttc")
# All of Chinese, and Korean (Debian: fonts-wqy-microhei, fonts-nanum).
_CHINESE = ("wqy-microhei.ttc", "DroidSansFallbackFull.ttf")
_KOREAN = ("NanumGothic.ttf",)
# Debian: fonts-tlwg-garuda-ttf, fonts-noto-core.
_THAI = ("NotoSansThai-Regular.ttf", "Garuda.ttf")


def font_files() -> tuple[Path, ...]:
    """The fonts that there are, the first for what most have.

    DejaVu Sans (Latin, Greek, Cyrillic, Arabic, Hebrew and more) comes with Matplotlib,
    IPAexGothic (Japanese, and so most Chinese) with matplotlib-fontja; an installed Noto
    Sans CJK stands before the latter, for it has Korean and all of Chinese too. Behind these
    stand installed ones that have what is then still missing: all of Chinese, Korean, Thai.
    """
    packaged = (
        _in_package("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
        _installed(_NOTO_CJK),
        _in_package("matplotlib_fontja", "fonts/ipaexg.ttf"),
        *map(_installed, (_CHINESE, _KOREAN, _THAI)),
    )
    return tuple(file for file in packaged if file is not None)


@functools.lru_cache(maxsize=16)
def letters_of(file: Path) -> frozenset[int]:
    """The code points that a font has letters for; some 30 ms, and 150 for Noto Sans CJK."""
    if file.suffix.lower() == ".ttc":
        with TTCollection(str(file), lazy=True) as collection:
            return frozenset(collection[0].getBestCmap())
    with TTFont(str(file), lazy=True) as font:
        return frozenset(font.getBestCmap())


def _in_package(package: str, path: str) -> Path | None:
    # Finding the package's folder does not import it: Matplotlib takes half a second.
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return next((Path(f) / path for f in folders or () if (Path(f) / path).is_file()), None)


def _installed(names: Sequence[str]) -> Path | None:
    return next(_found(names), None)


def _found(names: Sequence[str]) -> Iterator[Path]:
    for folder in (*_FOLDERS, Path.home() / ".local/share/fonts"):
        for name in names:
            yield from sorted(folder.rglob(name))
