"""Copies of a collection's vectors in an engine beside the database, derived as an index is.

The catalogue is asked what the engine lacks, and what it has too much, so that it does not matter
who was away meanwhile, or killed: the next pass goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import structlog

from core.domain.errors import VectorsUnreachable
from core.domain.types import ModelIdentity
from core.search.lexical import telling_words, words_of
from core.search.ports import Sought
from index.catalogue.contents import generation_of, identity_of
from index.catalogue.database import Database
from index.catalogue.engine_rows import (
    KINDS,
    Copied,
    EngineState,
    Kind,
    begin,
    blank,
    copied,
    drop_numbers,
    engine_tables,
    forget,
    left_over,
    numbered,
    numbers_written,
    pictures_of,
    pictures_saying,
    reached,
    state_of,
    waiting,
    with_contents,
    written,
)
from index.vectors.milvus import MOST, MilvusEngine

_BATCH = 2_000
"""Vectors in memory at once, and in one message."""

_MANY = 10_000
"""Vectors from which on it is worth having Milvus close what it has open."""

_CAPTIONS = 256
"""Captions nearest to a text, and such that share its words, whose pictures are looked at."""

_FOR_A_WORD = 64

Tell = Callable[[int, int], object]
"""Told of the vectors that are done, and of all that there are."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Ids of pictures; ``near``: those that are near to a vector. ``all``: there are no others."""

    ids: Sequence[str]
    near: Sequence[str] = field(default=())
    all: bool = True


class EngineCopies:
    """The copies of some collections. Blocking, thread-safe.

    ``collections``: whose vectors are in the engine; ``sample``: how many of the pictures of each
    are in memory, from which is learnt how scores lie.
    """

    def __init__(
        self,
        database: Database,
        engine: MilvusEngine,
        collections: Collection[str],
        *,
        sample: int,
    ) -> None:
        self._database = database
        self._collections = frozenset(collections)
        self.engine = engine
        self.sample = sample
        self._log = structlog.get_logger(__name__)

    def covers(self, collection: str) -> bool:
        return collection in self._collections

    @property
    def collections(self) -> frozenset[str]:
        return self._collections

    def make(self) -> None:
        """Make the tables. Raises CatalogueError."""
        self._database.make(engine_tables)

    def state(self, collection: str) -> EngineState | None:
        """How a collection is called there, None where nothing was begun. Raises CatalogueError."""
        with self._database.read() as connection:
            return state_of(connection, collection)

    def behind(self, collection: str) -> bool:
        """Whether the engine lacks changes, or all. Raises CatalogueError, VectorsUnreachable."""
        model, state, generation = self._known(collection)
        if model is None or not generation:
            return False
        if state is None or (state.fingerprint, state.generation) != (
            model.fingerprint,
            generation,
        ):
            return True
        return self._is_gone(state, model)

    def progress(self, collection: str) -> Copied:
        """How many vectors the engine has. Raises CatalogueError."""
        with self._database.read() as connection:
            return copied(connection, collection)

    def keep_up(self, collection: str) -> None:
        """:meth:`catch_up` where that can be done now; what could not be is told to the log."""
        try:
            self.catch_up(collection)
        except VectorsUnreachable as error:
            self._log.warning("vectors not copied yet", collection=collection, reason=error.message)

    def catch_up(self, collection: str, tell: Tell | None = None) -> bool:
        """Bring the engine's copies up to date; whether that is done, and not by another process.

        Raises CatalogueError, VectorsUnreachable; what was copied until then is kept.
        """
        held = self._database.hold(f"vectors:{collection}")
        if held is None:
            return False
        try:
            self._blank(collection)
            self._copy(collection, tell)
        finally:
            held.let_go()
        return True

    def differences(self, collection: str) -> Iterator[str]:
        """What is wrong with the copies, in words. Raises CatalogueError, VectorsUnreachable."""
        model, state, generation = self._known(collection)
        if model is None or not generation:
            return
        if state is None or state.fingerprint != model.fingerprint:
            yield "its vectors are not there"
            return
        if state.generation != generation:
            yield f"it is of generation {state.generation}, the catalogue of {generation}"
        for kind in KINDS:
            if not self.engine.check(state.of(kind), model):
                yield f"the vectors of {kind}s are gone"
                continue
            missing = sum(map(len, self._missing(collection, state, kind)))
            if missing:
                yield f"{missing} vectors of {kind}s are missing"

    def mend(self, collection: str) -> None:
        """Let :meth:`catch_up` write again what the engine has lost. Raises as that."""
        model, state, _ = self._known(collection)
        if model is None or state is None or state.fingerprint != model.fingerprint:
            return
        for kind in KINDS:
            if self.engine.check(state.of(kind), model):
                for numbers in self._missing(collection, state, kind):
                    with self._database.beside() as connection:
                        written(connection, np.array(numbers), [None] * len(numbers))

    def candidates(self, collection: str, model: ModelIdentity, sought: Sought) -> Candidates:
        """Pictures of the folder that may be hits. Nobody's right to see them is checked here.

        Raises CatalogueError, VectorsUnreachable.
        """
        with self._database.read() as connection:
            state = state_of(connection, collection)
        if state is None or state.fingerprint != model.fingerprint:
            raise VectorsUnreachable(
                f"The vectors of {collection} are not in {self.engine.name} yet.",
                remedy="Tangerine copies them by itself; tangerine status tells how far it is.",
                retry_after=30.0,
            )
        count = min(MOST, sought.wanted)
        near: list[Sequence[int]] = []
        if sought.pictures:
            found = self.engine.nearest(state.of("picture"), np.stack(sought.pictures), count)
            near = [each.tolist() for each in found]
        said: list[int] = []
        if sought.captions:
            of_text = self.engine.nearest(state.of("caption"), np.stack(sought.captions), _CAPTIONS)
            said = list(chain.from_iterable(each.tolist() for each in of_text))
        with self._database.read() as connection:
            most = 2 * count * max(1, len(near))
            pictures = pictures_of(connection, collection, "picture", chain(*near), most)
            ids = dict.fromkeys([*sought.ids, *pictures])
            ids |= pictures_of(connection, collection, "caption", said, 4 * _CAPTIONS)
            words = list(dict.fromkeys(telling_words(sought.text)))
            ids |= dict.fromkeys(pictures_saying(connection, collection, words, limit=_CAPTIONS))
            for word in words if len(words) > 1 else ():
                ids |= dict.fromkeys(
                    pictures_saying(connection, collection, [word], limit=_FOR_A_WORD)
                )
            ids |= dict.fromkeys(with_contents(connection, collection, sought.contents))
        more = count < MOST and any(len(each) >= count for each in near)
        return Candidates(list(ids), list(pictures), all=not more)

    def _known(self, collection: str) -> tuple[ModelIdentity | None, EngineState | None, int]:
        """The model of a collection, how it is called in the engine, and its generation."""
        with self._database.read() as connection:
            return (
                identity_of(connection, collection),
                state_of(connection, collection),
                generation_of(connection, collection),
            )

    def _copy(self, collection: str, tell: Tell | None) -> None:
        model, state, generation = self._known(collection)
        if model is None or not generation:
            return
        before = state
        if state is None or state.fingerprint != model.fingerprint or self._is_gone(state, model):
            with self._database.beside() as connection:
                state = begin(connection, collection, model)
        come = self.progress(collection) if tell is not None else Copied(0, 0)
        done = come.done
        for kind in KINDS:
            self.engine.make(state.of(kind), model)
            before_it = done
            for count in self._write_waiting(collection, state, kind, model):
                done += count
                if tell is not None:
                    tell(done, max(done, come.total))
            self._drop_left_over(collection, state, kind)
            if done - before_it >= _MANY:
                self.engine.settle(state.of(kind))
        with self._database.beside() as connection:
            reached(connection, collection, generation)
        if before is not None and before.name != state.name:
            for kind in KINDS:
                self.engine.drop(before.of(kind))

    def _write_waiting(
        self, collection: str, state: EngineState, kind: Kind, model: ModelIdentity
    ) -> Iterator[int]:
        """Write what the engine lacks; how many, after each batch."""
        after = ""
        while True:
            with self._database.read() as connection:
                found = waiting(connection, collection, kind, model, after=after, limit=_BATCH)
            if not found.keys:
                return
            words = [sorted(set(words_of(text))) for text in found.texts]
            with self._database.beside() as connection:
                numbers = numbered(connection, collection, kind, found, words)
            again = any(number is not None for number in found.numbers)
            self.engine.write(state.of(kind), numbers, found.vectors, again=again)
            with self._database.beside() as connection:
                written(connection, numbers, found.runs)
            after = found.keys[-1]
            yield len(found.keys)

    def _drop_left_over(self, collection: str, state: EngineState, kind: Kind) -> None:
        while True:
            with self._database.read() as connection:
                numbers = left_over(connection, collection, kind, _BATCH)
            if not numbers:
                return
            self.engine.delete(state.of(kind), numbers)
            with self._database.beside() as connection:
                drop_numbers(connection, numbers)

    def _blank(self, collection: str) -> None:
        """Make the words of what is gone unreadable, before the engine is asked: it may be away."""
        with self._database.beside() as connection:
            count = blank(connection, collection)
        if count:
            self._database.erase()

    def _is_gone(self, state: EngineState, model: ModelIdentity) -> bool:
        """Whether the engine has lost what it had, as where it was set up anew."""
        return not all(self.engine.check(state.of(kind), model) for kind in KINDS)

    def _missing(self, collection: str, state: EngineState, kind: Kind) -> Iterator[list[int]]:
        """What is written down and not there, in blocks."""
        with self._database.read() as connection:
            for numbers in numbers_written(connection, collection, kind):
                there = self.engine.between(state.of(kind), int(numbers[0]), int(numbers[-1]))
                gone = np.setdiff1d(numbers, there)
                if len(gone):
                    yield gone.tolist()

    def forget(self, collection: str) -> None:
        """Delete the copies of a collection of which the catalogue knows nothing."""
        with self._database.beside() as connection:
            state = state_of(connection, collection)
            forget(connection, collection)
        if state is not None:
            for kind in KINDS:
                self.engine.drop(state.of(kind))
