"""What a neutral reply says."""

from __future__ import annotations

from bot.protocol.replies import Reply, Text


def text_of(reply: Reply) -> str:
    """All paragraphs of a reply."""
    return "\n".join(p.text for p in reply.parts if isinstance(p, Text))
