"""What a file's name tells of it, and what its first bytes tell where the name does not."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from core.images.formats import HEAD_BYTES, reads_videos, sniff

PICTURE_SUFFIXES = frozenset(
    {
        # JPEG: .jps and .mpo are two of them, for two eyes.
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".pjpeg", ".pjp", ".jps", ".mpo"),
        *(".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
        # Of cameras and phones, with the sequences of ISO/IEC 23008-12.
        *(".heic", ".heics", ".heif", ".heifs", ".hif", ".avif", ".avifs"),
    }
)
"""What counts as a picture, by the end of its name in lower case."""

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv"})
"""What counts as a picture that moves, where something is installed that reads it."""

CAPTION_SUFFIXES = frozenset({".csv", ".jsonl", ".txt"})
"""What may hold captions."""

_OTHER_SUFFIXES = frozenset(
    {
        *(".avi", ".mpg", ".mpeg", ".3gp", ".mts"),
        *(".m2ts", ".wmv", ".flv", ".vob", ".mp3", ".m4a", ".wav", ".flac", ".ogg", ".opus"),
        *(".aac", ".wma", ".pdf", ".ps", ".eps", ".svg", ".svgz", ".psd", ".xcf", ".ai", ".kra"),
        *(".blend", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp"),
        *(".rtf", ".epub", ".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"),
        *(".iso", ".dmg", ".md", ".html", ".htm", ".css", ".js", ".json", ".xml", ".yml"),
        *(".yaml", ".toml", ".ini", ".log", ".py", ".sh", ".bat", ".exe", ".dll", ".so", ".db"),
        *(".sqlite", ".lnk", ".url", ".desktop"),
        # What programs keep beside a picture.
        *(".xmp", ".aae", ".thm", ".pp3", ".dop", ".lrcat", ".picasa", ".modd", ".moff"),
        # Not all there yet.
        *(".part", ".partial", ".crdownload", ".download", ".opdownload", ".tmp", ".temp"),
        ".swp",
        # Raw data of sensors: TIFF at first sight, and only a small preview can be read.
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
        *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2"),
        *(".srf", ".srw", ".x3f"),
    }
)
"""What is not even opened: none of it is a whole picture that can be read."""

Kind = Literal["picture", "captions", "other", "unknown"]


def suffix_of(name: str) -> str:
    """The end of a name or path from its last dot on, in lower case."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - names may be unreadable


def kind_of(name: str) -> Kind:
    """What a name or path tells; ``unknown``: only the file's first bytes do."""
    suffix = suffix_of(name)
    if suffix in PICTURE_SUFFIXES:
        return "picture"
    if suffix in VIDEO_SUFFIXES:
        return "picture" if reads_videos() else "other"
    if suffix in CAPTION_SUFFIXES:
        return "captions"
    # "a.jpg~" is an editor's copy of what it has just changed.
    return "other" if suffix in _OTHER_SUFFIXES or name.endswith("~") else "unknown"


def begins_like_picture(path: str | Path) -> bool:
    """Whether an ordinary file's first bytes are those of an accepted format. Raises OSError.

    Videos have names that tell.
    """
    # It may have become a pipe meanwhile, which must not be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return sniff(os.read(descriptor, HEAD_BYTES)) is not None
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class NameRules:
    """Which files and folders are passed by, with all below them.

    Those whose name begins with a dot, and those of ``exclude``: names with ``*``, ``?`` and
    ``[...]`` as in a shell, in any case.
    """

    exclude: tuple[str, ...] = ()

    def leaves_out(self, name: str) -> bool:
        if name.startswith("."):
            return True
        if not self.exclude:
            return False
        return _pattern(self.exclude).fullmatch(_plain(name)) is not None

    def leaves_out_path(self, path: str) -> bool:
        """Whether a relative path is passed by, for its name or that of a folder above."""
        return any(map(self.leaves_out, path.split("/")))


class ChangeFilter:
    """Tells which changes of a folder are worth a look."""

    def __init__(self, rules: NameRules) -> None:
        self._rules = rules
        # Files whose names say nothing and that are no pictures, as a reindex knows: others
        # write a log of such a name all day long.
        self._no_pictures: set[Path] = set()

    def counts(self, root: Path, path: str, gone: bool) -> bool:
        """Whether a reindex could find something else for this change below a folder. Blocking.

        What may be a picture or captions does, and a folder, nothing that the rules leave out.
        Of a path that is ``gone`` nobody knows whether it was a folder.
        """
        there = root / path
        if self._rules.leaves_out_path(path):
            return False
        if gone or there.is_dir():
            self._no_pictures.discard(there)
            return True
        kind = kind_of(path)
        if kind != "unknown":
            return kind != "other"
        try:
            picture = stat.S_ISREG(there.stat().st_mode) and begins_like_picture(there)
        except OSError:
            return True  # for a reindex to find out
        if picture:
            self._no_pictures.discard(there)
            return True
        # It may have been one until now.
        known = there in self._no_pictures
        self._no_pictures.add(there)
        return not known


@lru_cache(maxsize=16)
def _pattern(exclude: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(_plain(each)) for each in exclude))


def _plain(name: str) -> str:
    # macOS takes letters and their accents apart; Windows knows no case.
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
