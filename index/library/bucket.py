"""A bucket of S3, or of a server that speaks like it: objects by their keys below a prefix."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from core.domain.errors import FilesUnreachable, SettingsError
from index.library.bucket_calls import NO_ANSWER, Away, Calls

_NAMED = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([^?#@]*))?")
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_CONNECT_S = 3
_ANSWER_S = 15
"""Seconds for one object: originals have up to 25 MiB."""
_RETRY_S = 5
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3}[\w ]*)")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """``modified``: seconds since the epoch, by the server's clock."""

    key: str
    size: int
    modified: float


def bucket_of(url: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://bucket/prefix``. Raises SettingsError."""
    found = _NAMED.fullmatch(url)
    if found is None:
        raise SettingsError(
            "TANGERINE_FILES_URL is no address of a bucket.",
            remedy="Use s3://BUCKET or s3://BUCKET/PREFIX, and the variables AWS_… for the rest.",
        )
    return found[1], (found[2] or "").strip("/")


class Bucket:
    """Objects below the prefix of ``url``. Blocking, thread-safe.

    Keys and endpoint are those of the environment (``AWS_…``); of a key, ``…_FILE`` may name a
    file that holds it, as containers mount secrets. Every method raises
    FilesUnreachable, at most some twenty seconds after it was called. ``monotonic`` gives seconds.
    """

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        bucket, prefix = bucket_of(url)
        try:
            import obstore  # noqa: PLC0415 - an extra, for those who set its address
            from obstore.exceptions import BaseError  # noqa: PLC0415
            from obstore.store import S3Store  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise SettingsError(
                "TANGERINE_FILES_URL needs the package {package}.",
                remedy="Install the extra: .venv/bin/pip install -c constraints.txt -e '.[s3]'",
                package=error.name or "obstore",
            ) from error
        self.name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._calls = Calls(monotonic)
        self._obstore = obstore
        self._error = BaseError
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
        try:
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=_CONNECT_S),
                    "timeout": timedelta(seconds=_ANSWER_S),
                },
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=_RETRY_S)},
                config=_keys() | ({"endpoint": endpoint} if endpoint else {}),
            )
        except BaseError as error:
            raise SettingsError(
                "The bucket {bucket} cannot be used with the variables AWS_… that are set.",
                remedy="See docs/cluster.md for those that are looked at.",
                bucket=self.name,
            ) from error

    def get(self, key: str) -> bytes | None:
        """None where there is no such object."""
        try:
            with self._asking():
                return bytes(self._obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keep an object in place of any that was there; it is safe once this returns."""
        with self._asking():
            self._obstore.put(self._store, key, data)

    def delete(self, *keys: str) -> None:
        """Delete objects; one that is not there is no error."""
        with self._asking():
            self._obstore.delete(self._store, list(keys))

    def try_out(self) -> None:
        """Write, read, list and delete an object that nobody else has."""
        key = f".trial-{uuid.uuid4().hex}"
        self.put(key, b"trial")
        found = self.get(key) == b"trial"
        next(self.all(), None)
        self.delete(key)
        if not found:
            raise self._told("what was written is not read")

    def move(self, key: str, to: str) -> bool:
        """Give an object another key, and a new time; whether it was there."""
        try:
            with self._asking():
                self._obstore.rename(self._store, key, to)
        except FileNotFoundError:
            return False
        return True

    def all(self, below: str | None = None) -> Iterator[StoredObject]:
        """Every object, or those below a key, a thousand with each call to the server."""
        with self._asking():
            for some in self._obstore.list(self._store, below):
                for each in some:
                    modified = each["last_modified"].timestamp()
                    yield StoredObject(each["path"], each["size"], modified)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            begun = self._calls.begin()
        except Away as away:
            raise self._told(away.reason) from None
        away_for = ""
        try:
            yield
        except FileNotFoundError:
            raise  # such an object: it has answered
        except self._error as error:
            reason, answered = _reason(str(error))
            away_for = "" if answered else reason
            raise self._told(reason) from None
        finally:
            self._calls.end(begun, away_for)

    def _told(self, reason: str) -> FilesUnreachable:
        return FilesUnreachable(
            f"The bucket {self.name} cannot be used ({reason}).",
            remedy="Check that its server runs, and the variables AWS_…; tangerine doctor asks it.",
        )


def _keys() -> Any:
    """Those of the library's settings that are in files."""
    found = {}
    for name in _SECRETS:
        if path := os.environ.get(f"{name}_FILE"):
            try:
                found[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(
                    "{name}_FILE names a file that cannot be read.",
                    remedy="Name a readable file that holds the key alone.",
                    name=name,
                ) from error
    return found


def _reason(text: str) -> tuple[str, bool]:
    """What went wrong without addresses and keys, and whether the server has answered."""
    found = [match[1].strip() for pattern in (_STATUS, _CODE) if (match := pattern.search(text))]
    if found:
        return ", ".join(found), not found[0].startswith("5")
    return NO_ANSWER, False
