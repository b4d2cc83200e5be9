"""``tangerine doctor`` and ``init``: what is wrong with an installation, and a first one."""

__all__ = ["doctor", "findings", "init"]
