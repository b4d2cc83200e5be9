"""The files of uploads and posts, as ``tangerine doctor`` looks at them."""

from __future__ import annotations

from bot.doctor.findings import Finding, Findings, failed, fine, warning
from bot.engine.files import FOLDER, upload_files
from config.settings import Settings
from core.domain.errors import TangerineError
from index.library.bucket import Bucket
from index.library.upload_files import UploadFiles

_MIB = 2**20
_NEARLY_FULL = 0.95


def check_files(settings: Settings) -> Findings:
    """Whether the bucket that is set can be used, and what originals take. Blocking."""
    try:
        found = [] if settings.files_url is None else _in_bucket(settings, settings.files_url)
        if settings.posts.keep_originals:
            found += check_originals(upload_files(settings), settings.posts.max_originals_mb)
    except TangerineError as error:
        return [failed("files", error.message, error.remedy)]
    return found


def _in_bucket(settings: Settings, url: str) -> list[Finding]:
    bucket = Bucket(url)
    bucket.try_out()
    found = [fine("files", f"Uploads are kept in {bucket.name}, which can be written and read.")]
    left = UploadFiles(settings.data_dir / FOLDER)
    if any(left.holds(each) for each in left.collections()):
        found.append(
            warning(
                "files",
                f"{left.name} has pictures, too, which nobody looks for there any more.",
                "Copy them into the bucket (docs/cluster.md), then move the folder away.",
            )
        )
    return found


def check_originals(files: UploadFiles, most_mb: int) -> Findings:
    """How many originals of posts there are. Blocking."""
    count, size = files.originals.kept()
    told = f"{count:,} originals of posts take {size / _MIB:,.0f} of {most_mb:,} MiB"
    if size < most_mb * _MIB * _NEARLY_FULL:
        return [fine("originals", f"{told}.")]
    return [
        warning(
            "originals",
            f"{told}: new ones are soon kept no more.",
            "Raise posts.max_originals_mb, or set posts.keep_days.",
        )
    ]
