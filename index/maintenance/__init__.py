"""``verify`` and ``repair``: whether catalogue, index and files agree."""
