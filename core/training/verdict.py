"""Whether a new model may take the place of the one in service."""

from __future__ import annotations

from dataclasses import dataclass

from core.training.evaluation import Evaluation

DECIDES = "recall@5"
"""People are shown five answers; a right one among them is what must not become rarer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``losses`` says in words which recall fell, and from what to what; none: it may serve."""

    losses: tuple[str, ...]

    @property
    def may_serve(self) -> bool:
        return not self.losses


def judge(new: Evaluation, in_service: Evaluation) -> Verdict:
    """Compare two models that were measured on the same pictures, none of which either learnt.

    Neither way may fall at all: a picture fewer is a picture fewer. What is gained one way
    does not pay for what is lost the other, since they answer different commands.
    """
    ways = (
        ("pictures found by their caption", new.text_to_image, in_service.text_to_image),
        ("captions found by their picture", new.image_to_text, in_service.image_to_text),
    )
    return Verdict(
        tuple(
            f"{DECIDES} of {name} falls from {before[DECIDES]:.3f} to {after[DECIDES]:.3f}"
            for name, after, before in ways
            if after[DECIDES] < before[DECIDES]
        )
    )
