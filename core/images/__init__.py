"""Untrusted bytes become bounded RGB pixels, in confined worker processes."""

__all__ = ["changes", "decode", "formats", "pool", "reader_version", "reading", "resize", "sandbox"]
