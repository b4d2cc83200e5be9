"""The use cases on an index: find, similar, describe, classify, map, labels, moderation."""

__all__ = [
    "browse",
    "clusters",
    "everyday",
    "frames",
    "labels",
    "lexical",
    "look_alikes",
    "map",
    "moderation",
    "ports",
    "projection",
    "query",
    "service",
    "topics",
    "word_evidence",
    "words",
]
