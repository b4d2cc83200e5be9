"""Where the files of uploads are kept: in the data folder, or in the bucket set."""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings
from core.domain.errors import FilesUnreachable
from index.library.upload_files import UploadFiles

FOLDER = "uploads"
CACHE = "files"
"""What was fetched from a bucket: another folder, since those in the first may be nowhere else."""

_MIB = 2**20


def upload_files(settings: Settings, home: Path | None = None) -> UploadFiles:
    """The files of uploads. Nothing is asked of a bucket yet. Raises SettingsError.

    ``home`` stands in for a data folder that is not there.
    """
    home = home or settings.data_dir
    if settings.files_url is None:
        return UploadFiles(home / FOLDER)
    # Imported here: with the folder, nobody pays for what a bucket needs.
    from index.library.bucket import Bucket  # noqa: PLC0415
    from index.library.bucket_files import BucketFiles  # noqa: PLC0415

    bucket = Bucket(settings.files_url)
    return BucketFiles(bucket, home / CACHE, settings.uploads.cache_mb * _MIB)


def has_some(settings: Settings, collection: str) -> bool:
    """Whether a bucket has pictures of a collection; also where it cannot be asked. Blocking."""
    files = upload_files(settings)
    try:
        return files.holds(collection)
    except FilesUnreachable:
        return True
