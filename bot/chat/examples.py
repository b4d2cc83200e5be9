"""Questions that a collection can answer, taken from its own captions."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 36
_WORDS = 5


def examples_of(captions: Sequence[str], count: int = 3) -> tuple[str, ...]:
    """Short captions from all over the collection, as one would type them; maybe fewer.

    The same captions give the same examples.
    """
    examples: dict[str, None] = {}
    for part in range(count):
        start, end = part * len(captions) // count, (part + 1) * len(captions) // count
        middle = (start + end) // 2
        # From the middle of each stretch on: the ends of sorted folders are the odd ones.
        for row in [*range(middle, end), *range(start, middle)]:
            words = captions[row].split(".")[0].split(",")[0].split()
            example = " ".join(words)
            readable = example.replace(" ", "").isalpha() and example not in examples
            if readable and len(words) <= _WORDS and 3 <= len(example) <= _LONGEST:  # noqa: PLR2004 - "ox" says little
                examples[example[0].lower() + example[1:]] = None
                break
    return tuple(examples)
