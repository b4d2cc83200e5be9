"""What the use cases ask of the world beside :mod:`core.domain.ports`: labels and moderation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from core.domain.ports import Snapshot
from core.domain.types import Picture, Vectors, WordsProgress
from core.domain.viewer import Viewer
from core.search.labels import LabelSet
from core.search.moderation import Criterion, Decided, HeldPage, Trial
from core.search.word_evidence import AskedMeaning, WordEvidence

THUMBNAIL_EDGE = 320
"""Pixels of what contact sheets show of a hit, and what a posted picture is compared with: one
size, so that a picture is opened once for both."""


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """What candidates are wanted for, in a collection of which a snapshot holds a sample.

    ``pictures`` and ``captions``: vectors, float32 [d], to which pictures, and captions, are to be
    near; ``text``: whose words captions may share; ``contents`` (SHA-256) and ``ids`` of pictures
    that are wanted anyway. ``wanted``: how many that the viewer may see are to be near.
    """

    pictures: Sequence[Vectors] = ()
    captions: Sequence[Vectors] = ()
    text: str = ""
    contents: Collection[str] = ()
    ids: Collection[str] = ()
    wanted: int = 0


class Around(NamedTuple):
    """A snapshot with what is sought in it.

    ``reach``: pictures nearer than this cosine to the first vector that was sought are all there,
    but for what an approximate search misses; ``whole``: there are no others.
    """

    snapshot: Snapshot
    reach: float
    whole: bool


class CandidateSource(Protocol):
    """Collections that no node can hold: their snapshots hold a sample, to learn scores from.

    What may be an answer to a question is asked of an engine.
    """

    def covers(self, collection: str) -> bool:
        """Whether a collection is such a one."""

    async def around(self, snapshot: Snapshot, community: Viewer | str, sought: Sought) -> Around:
        """The snapshot with what is sought, as far as the viewer may see it by now.

        Raises Unavailable where the engine gives no answer, and
        CatalogueError.
        """


class Moderation(Protocol):
    """Pictures that a community's criteria hold back until an administrator has decided.

    What is held is in no snapshot and has no file for that community (:class:`Library`); it is
    shown here alone. Whether the asker is an administrator is for the caller to check. Every
    method raises CatalogueError.
    """

    async def criteria(self, community: str) -> Sequence[Criterion]:
        """The criteria of the community, the oldest first."""

    async def add(self, criterion: Criterion, *, community: str) -> int:
        """Hold what meets it, from now on; one of the same text is replaced.

        Returns how many pictures it holds. Raises BadSetting, Busy, EncodingFailed.
        """

    async def drop(self, text: str, *, community: str) -> Criterion:
        """Give up the criterion of this text. Decisions stay. Raises NotFound."""

    async def test(
        self, text: str, *, community: Viewer | str, collection: str | None = None, best: int = 10
    ) -> Trial:
        """What a criterion would hold in a collection. Changes nothing.

        Raises NotFound, EmptyCollection, ModelMismatch, BadSetting, Busy, EncodingFailed.
        """

    async def held(self, *, community: Viewer | str, offset: int = 0, count: int = 5) -> HeldPage:
        """Pictures that wait for a decision, those that meet a criterion most first."""

    async def hides(self, picture_id: str, *, community: Viewer | str) -> bool:
        """Whether the community would see this picture if it were not moderated."""

    async def decide(
        self, picture_id: str, *, community: Viewer | str, approve: bool | None
    ) -> Decided:
        """Show a held picture, hide it for good, or (None) take back what was decided.

        The decision holds for equal pictures, too; what is nearly equal to a hidden one is
        held. Raises NotFound where the picture is not held and nothing was decided about it.
        """

    async def file(self, picture_id: str, *, community: Viewer | str) -> tuple[Picture, Path]:
        """A picture of the community, held or not, and its file. Raises NotFound."""


class ThumbnailSource(Protocol):
    """Small forms of the collections' pictures, kept for all who show or compare them."""

    async def get(self, sha256: str, path: Path, edge: int) -> bytes:
        """A JPEG of at most ``edge`` x ``edge`` pixels of the file with this hash.

        Raises NotFound where the file is gone, BadPicture and its subclasses, Busy, ShuttingDown.
        """


class PictureWords(Protocol):
    """The words that stand in pictures, as far as they were read. Blocking, thread-safe.

    Found are pictures of the snapshot alone, which its viewer may see. Every method raises
    CatalogueError.
    """

    def find(
        self, snapshot: Snapshot, question: str, meaning: AskedMeaning | None = None
    ) -> WordEvidence | None:
        """Pictures whose words are some of a question's; None where none are read there.

        ``meaning``: the question's, by which theirs is compared too.
        """

    def holding(self, snapshot: Snapshot, phrases: Sequence[str]) -> WordEvidence | None:
        """Pictures in which these very words stand, all of them; of no phrases any words do.

        None where none are read there.
        """

    def contents(self, collection: str, question: str, phrases: Sequence[str]) -> Sequence[str]:
        """Contents (SHA-256) whose words may be those of a question, of which it shows some.

        Whose they are is not looked at.
        """

    def progress(self, collection: str) -> WordsProgress | None:
        """How far a collection has come; None where none are read."""

    def any_in(self, collection: str) -> bool:
        """Whether words were found in any picture of a collection."""


class Labels(Protocol):
    """The labels with which the operator had the pictures of each collection tagged."""

    def of(self, collection: str) -> LabelSet | None:
        """Those of a collection, None where there are none; the same object until they change.

        Blocking, from any thread. Raises CatalogueError.
        """
