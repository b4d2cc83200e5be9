"""A model takes another's place only with evidence; what is plotted is what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.tasks.comparison_plots import HISTOGRAMS, MATRICES, _matrices, draw_comparison
from core.domain.errors import SourceError
from core.training.evaluation import Evaluation, PairVectors
from core.training.verdict import judge
from tests.fakes import unit


def evaluation(text_to_image: float, image_to_text: float) -> Evaluation:
    """One with these recalls@5; all others are the best there is."""
    ways = [
        {"recall@1": 1.0, "recall@5": at_5, "recall@10": 1.0}
        for at_5 in (text_to_image, image_to_text)
    ]
    return Evaluation(100, ways[0], ways[1], 0.3, 0.0)


def vectors(seed: int, pictures: int = 60, captions: int = 25) -> PairVectors:
    """Random ones; some captions are shared."""
    rng = np.random.default_rng(seed)
    return PairVectors(
        images=unit(rng.standard_normal((pictures, 16))),
        texts=unit(rng.standard_normal((captions, 16))),
        captions=[f"caption ${number}" for number in range(captions)],
        caption_of=np.arange(pictures) % captions,
        kept=range(pictures),
    )


@pytest.mark.parametrize(
    ("new", "may_serve"),
    [((0.6, 0.5), True), ((0.7, 0.6), True), ((0.59, 0.9), False), ((0.9, 0.49), False)],
)
def test_recall_at_5_may_fall_neither_way(new: tuple[float, float], may_serve: bool) -> None:
    """Equal is enough; a gain one way does not pay for a loss the other."""
    verdict = judge(evaluation(*new), evaluation(0.6, 0.5))
    assert verdict.may_serve is may_serve
    assert len(verdict.losses) == (0 if may_serve else 1)


def test_a_loss_is_told_in_numbers() -> None:
    """From what to what."""
    (loss,) = judge(evaluation(0.5, 0.5), evaluation(0.625, 0.5)).losses
    assert "from 0.625 to 0.500" in loss


def test_histograms_count_every_pair_once() -> None:
    """Matching pairs and others, as the whole similarity matrix has them."""
    found, edges = vectors(0), np.linspace(-1, 1, 21)
    own = np.arange(25) == found.caption_of[:, None]
    cosines = found.images @ found.texts.T
    matching, others = found.histograms(edges)
    assert np.array_equal(matching, np.histogram(cosines[own], edges)[0])
    assert np.array_equal(others, np.histogram(cosines[~own], edges)[0])
    assert matching.sum() == 60
    assert others.sum() == 60 * 24


def test_the_matrix_has_matching_pairs_on_its_diagonal() -> None:
    """Rows are each chosen caption's first picture; the choice does not depend on the model."""
    found = vectors(0)
    cosines, captions = found.matrix(7)
    assert cosines.shape == (7, 7)
    assert captions == vectors(1).matrix(7)[1]
    rows = [found.captions.index(caption) for caption in captions]
    assert np.allclose(cosines.diagonal(), (found.images[rows] * found.texts[rows]).sum(axis=1))
    assert vectors(2).matrix(100)[0].shape == (25, 25)


def test_the_first_matrix_names_its_pictures_by_their_captions() -> None:
    """Shortened where they are long; all panels share one scale of colours."""
    models = [("one", vectors(0)), ("other", vectors(1))]
    figure = _matrices(models)
    first, other, bar = figure.axes
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert labels == models[0][1].matrix(20)[1]
    assert first.images[0].get_clim() == other.images[0].get_clim()
    assert bar.get_ylabel() == "cosine"


@pytest.mark.slow
def test_plots_are_pictures_with_a_panel_for_each_model(tmp_path: Path) -> None:
    """Names and captions with a dollar sign are no formulas; more models, a wider picture."""
    widths = []
    for count in (2, 3):
        models = [(f"mo$del {seed}", vectors(seed)) for seed in range(count)]
        paths = draw_comparison(models, tmp_path / str(count))
        assert [path.name for path in paths] == [HISTOGRAMS, MATRICES]
        for path in paths:
            with Image.open(path) as image:
                assert len(image.getcolors(1 << 24)) > 20
                widths.append(image.width)
    assert widths[0] < widths[2]
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="cannot be written"):
        draw_comparison([("a", vectors(0)), ("b", vectors(1))], tmp_path / "file")
