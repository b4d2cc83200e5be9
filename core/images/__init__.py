"""Untrusted bytes become bounded RGB pixels, in confined worker processes."""

__all__ = ["formats", "pool", "resize", "sandbox"]
