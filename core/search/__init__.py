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
    "rules",
    "service",
    "topics",
    "word_evidence",
    "words",
]
