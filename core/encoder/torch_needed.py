"""What only torch and transformers can do, refused in one line where they are not installed."""

from __future__ import annotations

from importlib.util import find_spec

from core.domain.errors import ModelUnavailable

_PACKAGES = ("torch", "transformers")


def need_torch(what: str) -> None:
    """Raise ModelUnavailable where torch or transformers is not installed; imports neither.

    ``what``: the beginning of a sentence, which goes on with ``needs torch and transformers``.
    """
    if torch_is_installed():
        return
    raise ModelUnavailable(
        f"{what} needs torch and transformers, which are not installed.",
        remedy="Install them: pip install torch transformers.",
    )


def torch_is_installed() -> bool:
    """Whether torch and transformers are there; neither is imported."""
    return all(_is_installed(package) for package in _PACKAGES)


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False
