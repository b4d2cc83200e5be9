"""All collections and who may see them: communities, uploads, labels, moderation."""

__all__ = [
    "community_settings",
    "grants",
    "labels",
    "library",
    "looks",
    "moderation",
    "moderation_filter",
    "originals",
    "overlay",
    "overlay_reads",
    "post_channels",
    "posts",
    "retention",
    "revisions",
    "thumbnail_store",
    "upload_files",
    "uploads",
    "word_meanings",
    "word_reading",
    "words",
]
