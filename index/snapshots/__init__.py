"""Generations: immutable views of a collection that a search reads, and the overlays upon them."""

__all__ = ["additions", "delta", "engine_copies", "overlaid", "overlay", "snapshot", "store"]
