"""How well a dual encoder does on captioned pictures and on labelled ones.

Everything here is arithmetic on unit vectors; only :func:`encode_pairs` runs an encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BadPicture
from core.domain.ports import Encoder
from core.domain.types import Vectors
from core.training.pairs import Decode, Labels, Source, decoded_batches, parts, unique_captions

RECALL_AT = (1, 5, 10)
"""How many answers are looked at: the field's usual three."""

_BLOCK = 1024
"""Rows of the similarity matrix that are in memory at a time: 400 MB at 100,000 columns."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What ``tangerine evaluate`` says.

    ``pairs`` counts pictures with a caption. Recalls are shares in [0, 1] by ``recall@1``,
    ``recall@5`` and ``recall@10``: of unique captions that find one of their own pictures
    among the k best, and of pictures that find their caption among the k best unique
    captions. Similarities are mean cosines: of a picture and its caption, and of a picture
    and every other caption.
    """

    pairs: int
    text_to_image: Mapping[str, float]
    image_to_text: Mapping[str, float]
    positive_similarity: float
    negative_similarity: float

    @property
    def gap(self) -> float:
        return self.positive_similarity - self.negative_similarity

    def to_json(self) -> dict[str, object]:
        """The object that ``tangerine evaluate --json`` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class PairVectors:
    """Unit vectors of captioned pictures under one model.

    ``images`` [n, d], ``texts`` [m, d] of the different ``captions``, ``caption_of`` int64 [n]:
    each picture's own. ``kept`` are the numbers of the pairs that could be decoded.
    """

    images: Vectors
    texts: Vectors
    captions: Sequence[str]
    caption_of: Labels
    kept: Sequence[int]

    def evaluation(self) -> Evaluation:
        return evaluate_vectors(self.images, self.texts, self.caption_of)

    def histograms(self, edges: NDArray[np.float64]) -> tuple[Labels, Labels]:
        """Counts between the edges, of matching pairs' cosines and of all others'."""
        own = np.einsum("nd,nd->n", self.images, self.texts[self.caption_of])
        matching = np.histogram(own, edges)[0]
        others = -matching
        for rows in _blocks(len(self.images)):
            others = others + np.histogram(self.images[rows] @ self.texts.T, edges)[0]
        return matching, others

    def matrix(self, most: int) -> tuple[Vectors, list[str]]:
        """Cosines [k, k] of pictures (rows) and captions, and the captions; at most ``most``.

        The captions are spread evenly over all; a row is a caption's first picture, so that
        matching pairs are on the diagonal, and equal for every model.
        """
        count = min(most, len(self.captions))
        chosen = np.linspace(0, len(self.captions) - 1, count).round().astype(np.int64)
        first = [int(np.flatnonzero(self.caption_of == caption)[0]) for caption in chosen]
        cosines: Vectors = self.images[first] @ self.texts[chosen].T
        return cosines, [self.captions[caption] for caption in chosen]


def encode_pairs(
    encoder: Encoder,
    pairs: Sequence[tuple[Source, str]],
    decode: Decode[Source],
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_bad_picture: Callable[[Source, BadPicture], None] = lambda _source, _error: None,
) -> PairVectors:
    """Vectors of captioned pictures and of their captions. Blocking.

    Args:
        encoder: used from this thread.
        pairs: what ``decode`` takes, and the caption. Several pictures may share one.
        decode: see :data:`Decode`.
        on_progress: called with the number of pictures done and their total.
        on_bad_picture: called for each picture that cannot be decoded; it is left out.

    Raises:
        SourceError: fewer than two different captions, so that nothing can be confused.
        EncodingFailed: the encoder failed.

    """
    unique_captions([caption for _, caption in pairs])
    images: list[Vectors] = []
    kept: list[int] = []
    for batch, rows in decoded_batches(
        [source for source, _ in pairs],
        encoder.pixel_spec,
        decode,
        on_progress=on_progress,
        on_bad_picture=on_bad_picture,
    ):
        images.append(encoder.encode_images(batch))
        kept += rows
    captions, caption_of = unique_captions([pairs[row][1] for row in kept])
    texts = np.concatenate([encoder.encode_texts(part) for part in parts(captions)])
    return PairVectors(np.concatenate(images), texts, captions, caption_of, kept)


def evaluate_vectors(
    images: Vectors, texts: Vectors, caption_of: Labels, *, block: int = _BLOCK
) -> Evaluation:
    """Measure vectors: pictures [n, d], unique captions [m, d], each picture's caption [n].

    ``block``: rows of the similarity matrix in memory at a time.
    """
    by_image = np.concatenate(
        [
            _ranks(images[rows] @ texts.T, caption_of[rows, None] == np.arange(len(texts)))
            for rows in _blocks(len(images), block)
        ]
    )
    by_text = np.concatenate(
        [
            _ranks(texts[rows] @ images.T, np.arange(len(texts))[rows, None] == caption_of)
            for rows in _blocks(len(texts), block)
        ]
    )
    own = np.einsum("nd,nd->n", images, texts[caption_of]).astype(np.float64)
    everything = float(images.sum(axis=0, dtype=np.float64) @ texts.sum(axis=0, dtype=np.float64))
    others = len(images) * (len(texts) - 1)
    return Evaluation(
        pairs=len(images),
        text_to_image=_recalls(by_text),
        image_to_text=_recalls(by_image),
        positive_similarity=float(own.mean()),
        negative_similarity=(everything - float(own.sum())) / others,
    )


COMPARISON_COLUMNS = (
    "model",
    "pairs",
    *(f"text>image R@{k}" for k in RECALL_AT),
    *(f"image>text R@{k}" for k in RECALL_AT),
    "positive",
    "negative",
    "gap",
)
"""The head of the table that ``tangerine compare`` prints."""


def comparison(evaluations: Sequence[tuple[str, Evaluation]]) -> list[tuple[str, ...]]:
    """One row a model, cells as :data:`COMPARISON_COLUMNS`: recalls in %, cosines to 0.001."""
    rows = []
    for name, evaluation in evaluations:
        recalls = [
            f"{100 * side[f'recall@{k}']:.1f}"
            for side in (evaluation.text_to_image, evaluation.image_to_text)
            for k in RECALL_AT
        ]
        cosines = (evaluation.positive_similarity, evaluation.negative_similarity, evaluation.gap)
        rows.append(
            (name, str(evaluation.pairs), *recalls, *(f"{cosine:.3f}" for cosine in cosines))
        )
    return rows


def _ranks(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> Labels:
    """For each row, how many wrong columns score at least as much as the best right one.

    Ties count against the model: were all vectors equal, nothing would be found.
    """
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    counted: Labels = ((scores >= best) & ~right).sum(axis=1)
    return counted


def _recalls(ranks: Labels) -> dict[str, float]:
    return {f"recall@{k}": float((ranks < k).mean()) for k in RECALL_AT}


def _blocks(count: int, block: int = _BLOCK) -> Iterator[slice]:
    for start in range(0, count, block):
        yield slice(start, start + block)
