"""Untrusted bytes become bounded RGB pixels, in confined worker processes."""
