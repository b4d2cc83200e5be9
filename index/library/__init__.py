"""All collections and who may see them: communities, uploads, labels, moderation."""
