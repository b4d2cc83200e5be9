"""What an address says about who can reach it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on ``host``.

    An address, or ``localhost`` (RFC 6761, 6.3). Any other name may lead anywhere, no matter what
    it begins with.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def credentials_of(url: str) -> str:
    """The ``name:password`` of an address, empty where it holds none."""
    return urlsplit(url).netloc.rpartition("@")[0]


def without_credentials(url: str) -> str:
    """The address as it may be shown and logged."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
