"""The gallery of a first run, from packages that distributions carry."""

__all__ = ["gallery"]
