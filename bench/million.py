"""A million vectors: takes 10 GB of memory and some minutes, and only runs where it is named."""

from __future__ import annotations

from bench.index import comparisons

COMPARISONS = comparisons(1_000_000, (1, 16))
