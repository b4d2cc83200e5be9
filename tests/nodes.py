"""Two nodes of one database, in this process, each with a data folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from index.library.revisions import SharedRevisions
from tests.galleries import Gallery


@contextmanager
def two_nodes(home: Path, *, communities: str = "web") -> Iterator[tuple[Gallery, Gallery]]:
    """Two that follow each other; the files of uploads and the folder of pictures are shared.

    Their database is that which the test has on a server (:mod:`tests.databases`).
    """
    made = [
        Gallery(
            home,
            data=home / name,
            shared=SharedRevisions,
            duplicate_cosine=2,
            max_uploads=10_000,
            communities=communities,
        )
        for name in ("first", "second")
    ]
    followed = [node.revisions for node in made if isinstance(node.revisions, SharedRevisions)]
    threads = [Thread(target=each.follow) for each in followed]
    for thread in threads:
        thread.start()
    yield made[0], made[1]
    for each in followed:
        each.stop()
    for thread in threads:
        thread.join()
    for node in made:
        node.close()
