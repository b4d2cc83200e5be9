"""What the core asks of the world: small protocols, each with a fake in ``tests/fakes.py``.

Encoders, decoders and indexes do blocking work. The core never calls the blocking ones on
the event loop: :mod:`core.encoder.batcher` and :func:`asyncio.to_thread` stand between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.types import (
    ByDate,
    CollectionStatus,
    CommunitySettings,
    DecodedPicture,
    FrameVectors,
    Lane,
    Look,
    ModelIdentity,
    Origin,
    PersonalData,
    Picture,
    PixelBatch,
    PixelSpec,
    Post,
    PostChannel,
    PostsKept,
    Progress,
    Reached,
    ReindexReport,
    TakenIn,
    Vectors,
    WordLine,
)
from core.domain.viewer import Viewer


class Encoder(Protocol):
    """A dual encoder: texts and pixels into one space. Blocking.

    On a CPU :meth:`encode_texts` and :meth:`encode_images` may be called at the same time;
    neither may be called twice at once.
    """

    @property
    def identity(self) -> ModelIdentity:
        """Name, fingerprint and dimension of the model."""

    @property
    def pixel_spec(self) -> PixelSpec:
        """The size and fit of the pictures that :meth:`encode_images` takes."""

    @property
    def logit_scale(self) -> float:
        """The model's own temperature as a factor on cosines (CLIP: exp(logit_scale))."""

    @property
    def device(self) -> str:
        """Where it runs, as ``cpu`` or ``cuda:0``."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed ``n`` texts; float32 [n, d], rows of length 1. Raises EncodingFailed."""

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """Embed ``n`` pictures of the pixel spec's size; float32 [n, d], rows of length 1."""


class PictureDecoder(Protocol):
    """Turns untrusted bytes into pixels, outside this process."""

    async def decode(
        self, source: bytes | Path, spec: PixelSpec, *, preview: int = 0, frames: bool = False
    ) -> DecodedPicture:
        """Pixels of the spec's size. Raises BadPicture and its subclasses, Busy, ShuttingDown.

        ``preview``: pixels of the longer edge of the preview that comes along; 0 for none.
        ``frames``: with the frames that stand for a picture that moves.
        """

    async def thumbnail(self, source: bytes | Path, edge: int, at_s: float = 0.0) -> bytes:
        """A JPEG within ``edge`` x ``edge`` pixels. Raises BadPicture and its subclasses.

        ``at_s``: of a picture that moves the frame at this second.
        """

    async def kept(self, source: bytes | Path, edge: int) -> bytes:
        """:meth:`thumbnail`; of a picture that moves an animated WebP of its frames."""


class WordReader(Protocol):
    """Reads the words that stand in untrusted pictures, outside this process."""

    @property
    def version(self) -> str:
        """What reads, and under which bounds: another version may read other words."""

    async def read(self, source: bytes | Path) -> Sequence[WordLine]:
        """The lines of words, from top to bottom; none where there are none.

        Raises BadPicture and its kin, Busy, ShuttingDown.
        """


class Embedder(Protocol):
    """The encoder as everybody else sees it: async, batched, one item a call."""

    @property
    def identity(self) -> ModelIdentity:
        """Name, fingerprint and dimension of the model."""

    @property
    def pixel_spec(self) -> PixelSpec:
        """The size and fit of the pictures that :meth:`embed_pixels` takes."""

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        """One unit vector, float32 [d]. Raises Busy, EncodingFailed, ShuttingDown."""

    async def embed_pixels(self, pixels: NDArray[np.uint8], *, lane: Lane = Lane.CHAT) -> Vectors:
        """One unit vector, float32 [d]. Raises Busy, EncodingFailed, ShuttingDown."""


class VectorIndex(Protocol):
    """Nearest neighbours by inner product over rows 0 .. len - 1. Blocking, thread-safe."""

    def __len__(self) -> int:
        """The number of rows."""

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The ``min(k, len)`` best rows of each query, best first: scores and row numbers.

        Both of shape [queries, min(k, len)]; equal scores keep the lower row first.
        """

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        """The stored vectors of these rows: float32 [n, d]."""


class SharedWords(NamedTuple):
    """Captions that share words with a text, best first; arrays of one length.

    ``scores``: float32 in (0, 1], 1 for exactly these words; ``rows``: int64; ``held``: the share
    of what the text asks for that a caption holds, float32 in [0, 1], by how rare its words are;
    words that nearly every sentence has ask for nothing.
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]
    held: NDArray[np.float32]


class WordIndex(Protocol):
    """Captions by their words, rows 0 .. len - 1. Blocking, thread-safe."""

    def search(self, text: str, k: int) -> SharedWords:
        """The at most ``k`` captions that share a word with the text, best first.

        Equal scores keep the lower row first.
        """


class FrameIndex(Protocol):
    """The frames of pictures that move, each of which has a row like any other."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of the pictures that move, rising: int64 [m]."""

    def of_row(self, row: int) -> FrameVectors | None:
        """The frames of a picture in their order; None where it does not move."""

    def only(self, rows: NDArray[np.int64]) -> FrameIndex:
        """Those of these rows alone, int64 [n] rising."""

    def best(self, score: Callable[[Vectors], NDArray[np.float32]]) -> NDArray[np.float32]:
        """The highest score among the frames of each of :attr:`rows`: float32 [m]."""

    def nearest(self, row: int, query: Vectors) -> tuple[float, Vectors] | None:
        """The second and the vector of the frame of a picture that is nearest to a query, [d].

        None where it does not move.
        """


class Snapshot(Protocol):
    """One generation of a collection as a community sees it, immutable while it is held.

    Compared by identity: while nothing has changed, the same object is handed out.
    """

    @property
    def collection(self) -> str:
        """The name of the collection."""

    @property
    def generation(self) -> int:
        """Counts up by one with every commit."""

    @property
    def pictures(self) -> Sequence[Picture]:
        """The picture of each row of :attr:`picture_index`."""

    @property
    def uploads_from(self) -> int:
        """No picture before this row was uploaded; their number where none was."""

    @property
    def captions(self) -> Sequence[tuple[str, int]]:
        """For each row of :attr:`caption_index`: the text and the row of its picture."""

    @property
    def owners(self) -> NDArray[np.int64]:
        """The same rows of pictures alone, int64 [captions]."""

    @property
    def picture_index(self) -> VectorIndex:
        """One row a picture."""

    @property
    def frames(self) -> FrameIndex | None:
        """What lies beside these rows for pictures that move; None where none does."""

    @property
    def caption_index(self) -> VectorIndex:
        """One row a caption (a picture may carry several, or none)."""

    @property
    def caption_words(self) -> WordIndex:
        """The same rows by their words."""

    @property
    def settled(self) -> Snapshot:
        """The one below from which few rows differ, else itself: how scores lie is as there."""

    def row_of(self, picture_id: str) -> int | None:
        """The row of the picture with this id, None where there is none."""


class Library(Protocol):
    """All collections: the one place where a community's right to see one is checked."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all collections, the default one first. For the operator's eyes."""

    def visible(self, community: Viewer | str) -> Sequence[str]:
        """Names of the collections that this community may search, the default one first."""

    def shares(self, collection: str, community: Viewer | str) -> bool:
        """Whether the community acts there for all who share the collection.

        True where the settings or a grant name it, and for the operator's console and web
        chat; False for a stranger in a collection that is open to everybody.
        """

    async def open(
        self, collection: str | None, community: Viewer | str, *, of_any_model: bool = False
    ) -> Snapshot:
        """The current snapshot; None names the community's default collection.

        ``of_any_model``: also one whose vectors are of another model than the one that runs,
        for whoever compares no vector with it. Raises NotFound where the collection does not exist
        or this community may not search it (the same words for both), EmptyCollection,
        BeingIndexed (for the first time, and nothing of it can be searched yet), SourceError (its
        folder is not there), ModelMismatch, BeingEncodedAnew.
        """

    async def picture_file(self, picture_id: str, community: Viewer | str) -> tuple[Picture, Path]:
        """A visible picture and its file. Raises NotFound."""

    def has_file(self, picture: Picture) -> bool:
        """Whether the file of a picture is where it was indexed; else it is no hit. Blocking."""

    def file_of(self, picture: Picture) -> Path | None:
        """The file of a picture of a snapshot that :meth:`open` gave; None where it is gone.

        Blocking.
        """

    def expected(self, collection: str) -> int | None:
        """How many pictures a collection has that is being indexed for the first time.

        None once all of them can be searched. From memory, as it was at the last :meth:`open`.
        """

    async def status(self, community: Viewer | str) -> Sequence[CollectionStatus]:
        """The state of every collection that this community may search."""


class Looks(Protocol):
    """How pictures look before they are loaded, and their dates. Blocking, thread-safe.

    Nothing is checked here: callers have the pictures from a :class:`Library`.
    """

    @property
    def revision(self) -> int:
        """Counts up when dates became known that :meth:`by_date` did not have before."""

    def of(self, shown: Sequence[Picture]) -> Sequence[Look]:
        """The look of each picture, in their order. Raises CatalogueError."""

    def by_date(self, collection: str) -> ByDate:
        """All of a collection by date, without a check of rights. Raises CatalogueError."""


class Reindexing(Protocol):
    """Brings collections up to date with their folders, one run a collection at a time."""

    async def reindex(
        self,
        collection: str,
        *,
        full: bool = False,
        confirm_removals: bool = False,
        paths: frozenset[str] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        """Scan, decode, encode and commit.

        ``full`` encodes everything anew. ``paths``: those below the folder, with ``/``, that
        alone have changed, where somebody knows; None: any may have. Where most of the
        pictures are gone, they are forgotten only with ``confirm_removals``; without it
        RemovalsUnconfirmed is raised and the collection stays as it was. Raises ReindexRunning,
        NotFound, SourceError, ModelMismatch, CatalogueError; a bad picture is a line of the
        report instead.
        """

    def running(self) -> Mapping[str, Progress]:
        """The progress of each collection that is being reindexed by this process."""


UNDO_S = 300.0
"""How long a removal can be undone, and the file of a removed upload is kept, in seconds."""


class Contributions(Protocol):
    """Pictures that people add and remove in chat: found, or gone, by the next query.

    Whom a change concerns follows from how the community came to the collection. Where the
    settings name the community beside the collection (and at the operator's own console and
    web chat) it is one of those who share it: a change holds for all of them. Where the
    collection is open to everybody, a change holds for the community that made it alone:
    nobody sees what strangers add, or misses what strangers remove.
    """

    async def add(
        self,
        picture: bytes,
        caption: str,
        *,
        community: str,
        uploader: str,
        collection: str | None = None,
        anyway: bool = False,
    ) -> Picture:
        """Add a picture, kept without the metadata of its file; an empty caption is allowed.

        ``anyway`` adds one that is nearly the same as another, never an equal one. Raises
        DuplicatePicture, CollectionFull, NotFound, BadPicture and its subclasses, QueryTooLong (for
        the caption), ModelMismatch, Busy, EncodingFailed, CatalogueError; then nothing is kept.
        """

    async def remove(self, picture_id: str, *, community: Viewer | str, remover: str) -> Picture:
        """Take a picture out of every answer, at once. Raises NotFound, CatalogueError.

        A file of the operator's folder stays where it is, but is not shown again, also
        after a reindex; an uploaded one is deleted once it cannot be restored any more.
        """

    async def restore(self, picture_id: str, *, community: Viewer | str) -> Picture:
        """Undo a removal of the last five minutes. Raises ExpiredButton, CatalogueError."""

    async def personal(self, requester: str) -> PersonalData:
        """What is kept of a person, over all communities."""

    async def forget(self, requester: str) -> PersonalData:
        """Delete all that is kept of a person, for good and at once; what it was."""

    async def left(self, community: str) -> None:
        """The bot was removed there: what was added there is deleted after seven days."""

    async def joined(self, community: str) -> None:
        """The bot is there (again): nothing of it is to be deleted."""

    async def communities(self) -> frozenset[str]:
        """Every community of which pictures, removals or settings are kept."""

    async def moved(self, old: str, new: str) -> None:
        """A community goes on under another name (Telegram's groups become supergroups)."""

    async def sweep(self) -> None:
        """Delete what is due: removed uploads after five minutes, departed communities."""


class Posts(Protocol):
    """Pictures that people post in chats, each searched in its own chat alone.

    Equal pictures are kept once, with all their posts. Kept are vectors and a thumbnail.
    """

    async def add(
        self, given: Sequence[tuple[Post, bytes]], reached: Reached | None = None
    ) -> TakenIn:
        """Take posts of one chat in, each with its picture, in one commit.

        How far the chat was read is noted in the same one, but where there was no room.
        Nothing is taken in where the community's settings say so, or it may search nothing; of
        people who opted out; or again. Raises ModelMismatch, Busy, EncodingFailed, CatalogueError.
        """

    def takes_in(self, community: str) -> bool:
        """Whether posts are taken in there at the moment. From memory: never blocks."""

    async def wanted(self, given: Sequence[Post]) -> tuple[Sequence[Post], TakenIn]:
        """Those of a chat's posts that :meth:`add` may take in, and why not the others.

        Raises CatalogueError.
        """

    async def edited(self, post: Post) -> bool:
        """A post has another text, or another picture, or none where it has no file.

        Whether its picture has to be taken in anew. Nothing happens to one that is not there.
        Raises CatalogueError and what encoding a text raises.
        """

    async def of(
        self, picture_ids: Sequence[str], community: Viewer | str
    ) -> Mapping[str, Sequence[Post]]:
        """The posts of each of these pictures, the first one first. Raises CatalogueError."""

    async def like(self, picture: bytes, community: Viewer | str) -> Sequence[Post]:
        """Where this picture was posted before, the first one first.

        Raises BadPicture and its subclasses, NotFound, CommunityUnknown, ModelMismatch, Busy,
        EncodingFailed, CatalogueError.
        """

    async def kept(self, community: Viewer | str) -> PostsKept:
        """What there is of a community, as far as the viewer reads it. Raises CatalogueError."""

    async def authors(self, community: str, handle: str) -> Sequence[str]:
        """Who posted there under this handle (without ``@``). Raises CatalogueError."""

    async def forget(self, community: str, author: str) -> int:
        """Take out what somebody posted there, for good; how many posts. Raises CatalogueError."""

    async def forget_all(self, community: str) -> int:
        """Delete what everybody posted there; how many posts. Raises CatalogueError."""

    async def opt_out(self, person: str) -> int:
        """Take somebody's posts out everywhere and take none in again; how many posts.

        Raises CatalogueError.
        """

    async def opt_in(self, person: str) -> None:
        """Take somebody's posts in again from now on. Raises CatalogueError."""


class ChannelPosts(Protocol):
    """The channels of communities whose posts are followed, and what becomes of posts there.

    Channels, threads and posts are named as in :class:`core.domain.types.Post`. Every method
    raises CatalogueError.
    """

    async def of(self, community: str) -> Sequence[PostChannel]:
        """All that are known, also those that are followed no more."""

    async def find(self, chat: str) -> PostChannel | None:
        """One of them."""

    async def switch_on(self, channel: PostChannel) -> bool:
        """Follow a channel from its position on; whether it was not followed.

        One that was followed before goes on where it was left, or where this one begins, if
        that is earlier.
        """

    async def begin(self, thread: PostChannel) -> None:
        """Follow a thread that is not known yet, where its channel is followed."""

    async def announced(self, chat: str) -> None:
        """Everybody in a channel was told."""

    async def switch_off(self, chat: str, *, forget: bool) -> int:
        """Follow a channel and its threads no more; ``forget`` deletes their posts: how many."""

    async def reach(self, reached: Reached) -> None:
        """Note how far a channel was read in which there was nothing to keep."""

    async def known(self, chat: str, messages: Collection[int]) -> Sequence[Post]:
        """The posts of these messages that are there."""

    async def after(self, chat: str, message: int, count: int) -> Sequence[int]:
        """The first ``count`` messages behind this one that have posts, ascending."""

    async def edited(self, chat: str, message: int, captions: Mapping[int, str]) -> None:
        """A message has these pictures with these texts, by their parts: others are deleted.

        Raises also what encoding a text raises.
        """

    async def deleted(self, chat: str, messages: Collection[int]) -> int:
        """Messages are no more: their posts are deleted; how many."""


class Grants(Protocol):
    """Communities that were let into collections beside those that the settings name."""

    def of(self, collection: str) -> Mapping[str, Origin]:
        """Those of a collection, and how they were let in. From memory: never blocks."""

    async def grant(self, collection: str, community: str, origin: Origin) -> bool:
        """Let a community in, for good and at once; False where it was granted already.

        Raises CatalogueError.
        """

    async def revoke(self, collection: str, community: str) -> bool:
        """Take that back, at once; False where nothing was granted. Raises CatalogueError."""


class CommunitySettingsStore(Protocol):
    """What the administrators of each community chose."""

    def of(self, community: str) -> CommunitySettings:
        """From memory: never blocks."""

    async def save(self, community: str, settings: CommunitySettings) -> None:
        """Keep them, for good once this returns. Raises CatalogueError."""


class Clock(Protocol):
    """Time, injected so that tests need not wait."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
