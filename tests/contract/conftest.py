"""What several of the contract suites start from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from index.catalogue.database import Database, open_database
from index.catalogue.node_tables import node_tables


@pytest.fixture
def nodes(postgresql_url: str) -> Iterator[list[Database]]:
    """The database as two nodes have it."""
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(open_database(postgresql_url))) for _ in range(2)]
        for each in opened:
            each.make(node_tables)
        yield opened
