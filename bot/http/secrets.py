"""Secrets that this program makes for itself: kept in its data folder, or the same at all nodes."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
from pathlib import Path

from core.domain.errors import SettingsError

SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
"""What a kept secret looks like: what Telegram takes, and long enough not to be guessed."""


def derived_secret(token: str, purpose: str) -> str:
    """A secret for this purpose that all who have the token have, and nobody without it."""
    return hmac.digest(token.encode(), purpose.encode(), "sha256").hex()


def kept_secret(file: Path | None, *, what: str, remedy: str) -> str:
    """The secret of a file that only its owner may read, made where there is none. Blocking.

    Without a file it is a new one each time. Raises SettingsError where the file can neither
    be read nor written: ``what`` it is, as "The webhook's secret", and the ``remedy``.
    """
    made = secrets.token_urlsafe(32)
    if file is None:
        return made
    try:
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            kept = file.read_text("ascii").strip()
            if SECRET.fullmatch(kept):
                file.chmod(0o600)
                return kept
        fresh = file.with_name(f"{file.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(made)
        fresh.replace(file)
    except OSError as error:
        raise SettingsError(
            f"{what} cannot be kept in {file}: {error.strerror}.", remedy=remedy
        ) from error
    return made
