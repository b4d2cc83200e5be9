"""The encoder over HTTP: what serves it, and what asks it in place of a model of its own."""

__all__ = ["remote", "routes", "server", "wire"]
