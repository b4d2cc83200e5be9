"""The conversation on every platform: a request in, its permission checked, a reply out."""

__all__ = [
    "access_list",
    "actions",
    "admission",
    "claims",
    "commands",
    "community",
    "failures",
    "languages",
    "parser",
    "parts",
    "post_sweeps",
    "reading",
    "supervision",
]
