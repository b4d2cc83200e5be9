"""Products of matrices stay on the core that asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import faiss  # noqa: F401 - it brings a BLAS of its own, which is to stay as it is
import pytest
from threadpoolctl import ThreadpoolController

from bot.engine.blas import one_core_for_each_product


@pytest.fixture
def controller() -> Iterator[ThreadpoolController]:
    """The libraries of this process, with more than one thread each; as before afterwards."""
    controller = ThreadpoolController()
    with controller.limit(limits=2):
        yield controller


def test_numpy_alone_is_kept_to_one_core(controller: ThreadpoolController) -> None:
    """The library of numpy has one thread afterwards, every other one as many as before."""
    before = {each["filepath"]: each["num_threads"] for each in controller.info()}
    one_core_for_each_product()
    after = {each["filepath"]: each["num_threads"] for each in controller.info()}
    mine = {path for path in after if "numpy" in path}
    assert mine, "numpy's wheel has its BLAS beside it"
    assert {after[path] for path in mine} == {1}
    assert all(after[path] == before[path] for path in after if path not in mine)
