"""Untrusted bytes become bounded RGB pixels, in confined worker processes."""

__all__ = ["decode", "formats", "pool", "resize", "sandbox"]
