"""The use cases on an index: find, similar, describe, classify, map, labels, moderation."""
