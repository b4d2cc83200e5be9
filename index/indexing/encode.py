"""The work of one reindex on each file: hash, decode, encode, keep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from core.domain.errors import BadPicture, DecodingFailed, EncodingFailed, SourceError
from core.domain.ports import Embedder, PictureDecoder
from core.domain.threads import finished_in_thread
from core.domain.types import UPLOADED, DecodedPicture, Failure, Lane, Look, Pixels, Vectors
from core.search.frames import frame_vectors
from index.catalogue.hashing import ChangingFileError, Content, is_unchanged, read_content
from index.catalogue.records import BadFile, CaptionVector, PictureVector, Stamp, text_hash
from index.indexing.batch_writer import BatchWriter
from index.indexing.patience import Circumstances, patiently
from index.indexing.scan import SourcePicture

_SETTLED_NS = 2_000_000_000
"""FAT keeps modification times to 2 s: a younger file may change without showing it, so it is
hashed again the next time."""

_ATTEMPTS = 3
"""How often a file that changes while it is read is read again."""

_STREAK = 32
"""Pictures in a row that the machinery fails on: then it is out of order, not the files."""


def checked(vector: Vectors, dimension: int) -> Vectors:
    """The same vector, float32 [dimension]. Raises EncodingFailed where it is of no use."""
    found = np.asarray(vector, dtype=np.float32)
    if found.shape != (dimension,) or not np.isfinite(found).all():
        raise EncodingFailed(
            "The model gave no usable vector for this input.",
            remedy="If this happens often, set the encoder's precision to float32.",
        )
    return found


class FileWorker:
    """Brings files to vectors, many at once.

    ``locate`` gives the file of a path.
    ``encoded`` and ``texts`` are the contents and captions that have vectors already,
    ``bad`` the contents that are known to be no picture; all three grow. ``decoding``
    bounds the pictures that are decoded at once, ``in_flight`` the files under way in all,
    and so the pixels in memory. ``on_done`` is told how many files are done, of how many.
    ``recall`` tells of contents that are not among ``encoded`` whether they have a vector all
    the same, and the size of the picture; it may block. ``after_file`` follows each file that
    is through, with the numbers of ``on_done``. ``again`` are contents that were refused before
    and are tried once more, under these ``circumstances``.
    """

    def __init__(
        self,
        *,
        embedder: Embedder,
        decoder: PictureDecoder,
        writer: BatchWriter,
        locate: Callable[[str], Path],
        encoded: dict[str, tuple[int, int]],
        texts: set[str],
        bad: dict[str, BadFile],
        decoding: int,
        in_flight: int,
        on_done: Callable[[int, int], None],
        recall: Callable[[str], tuple[int, int] | None] | None = None,
        after_file: Callable[[FileWorker, int, int], Awaitable[None]] | None = None,
        again: Mapping[str, BadFile] = MappingProxyType({}),
        circumstances: Circumstances = Circumstances(),  # noqa: B008 - frozen
    ) -> None:
        self._embedder = embedder
        self._decoder = decoder
        self._writer = writer
        self._locate = locate
        self.encoded = encoded
        self.texts = texts
        self.bad = bad
        self._decoding = asyncio.Semaphore(decoding)
        self._in_flight = in_flight
        self._on_done = on_done
        self._recall = recall
        self._after_file = after_file
        self._again = again
        self._circumstances = circumstances
        self.contents: dict[str, str] = {}
        """SHA-256 of every file that could be read, by path."""
        self.failed: dict[str, Failure] = {}
        """What failed for another reason than its bytes, by path."""
        self.new = 0
        """How many pictures were encoded."""
        self._claimed: set[str] = set()
        self._streak = 0
        self._done = 0
        self._total = 0

    def needs_work(self, picture: SourcePicture) -> bool:
        """Whether a file has to be read, or it or one of its captions to be encoded."""
        if picture.path in self.failed:
            return False
        sha256 = self.contents.get(picture.path)
        if sha256 is None or (sha256 not in self.encoded and sha256 not in self.bad):
            return True
        return sha256 not in self.bad and any(
            text_hash(text) not in self.texts for text in picture.captions
        )

    async def work(self, pictures: Sequence[SourcePicture]) -> None:
        """Do all of these files. A bad one is a line of ``bad`` or ``failed``.

        What is finished is kept, also when this raises or is cancelled. Raises
        CatalogueError, ShuttingDown, and EncodingFailed where nothing succeeds any more.
        """
        self._done, self._total = 0, len(pictures)
        self._on_done(0, self._total)
        waiting = iter(pictures)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._in_flight, len(pictures))):
                    group.create_task(self._drain(waiting))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            await self._writer.flush(done=self._done, total=self._total)

    async def _drain(self, waiting: Iterator[SourcePicture]) -> None:
        for picture in waiting:
            await self._file(picture)
            self._done += 1
            self._on_done(self._done, self._total)
            await self._writer.file_done(done=self._done, total=self._total)
            if self._after_file is not None:
                await self._after_file(self, self._done, self._total)

    async def _file(self, picture: SourcePicture) -> None:
        if picture.path.startswith(UPLOADED):
            # It may have to be fetched from a bucket.
            path = await finished_in_thread(self._locate, picture.path)
        else:
            path = self._locate(picture.path)
        try:
            for _ in range(_ATTEMPTS):
                content = await self._content(picture, path)
                if await self._picture(picture, path, content):
                    break
            else:
                raise ChangingFileError(0, "it changes while it is read")
        except FileNotFoundError:
            self.contents.pop(picture.path, None)
            return  # removed since the scan: the plan will say so
        except OSError as error:
            self.contents.pop(picture.path, None)
            self._fail(picture, SourceError.code, f"The file cannot be read: {error.strerror}.")
            return
        except EncodingFailed as error:
            self._fail(picture, error.code, str(error))
            self._count_failure(str(error))
            return
        if content.sha256 not in self.bad:
            await self._captions(picture)

    async def _content(self, picture: SourcePicture, path: Path) -> Content:
        async with self._decoding:
            content = await finished_in_thread(read_content, path)
        self.contents[picture.path] = content.sha256
        # Nobody but the program writes uploads, and their bytes are known without a stamp.
        settled = time.time_ns() - content.mtime_ns > _SETTLED_NS
        if settled and not picture.path.startswith(UPLOADED):
            self._writer.stamp(Stamp(picture.path, content.size, content.mtime_ns, content.sha256))
        return content

    async def _picture(self, picture: SourcePicture, path: Path, content: Content) -> bool:
        """Encode the content where nobody has; False where the file changed meanwhile."""
        sha256 = content.sha256
        await self._remember(sha256)
        if sha256 in self.encoded or sha256 in self.bad or sha256 in self._claimed:
            return True
        self._claimed.add(sha256)
        try:
            decoded: DecodedPicture | BadPicture
            async with self._decoding:
                try:
                    decoded = await self._decoder.decode(
                        path, self._embedder.pixel_spec, frames=True
                    )
                except BadPicture as error:
                    decoded = error
                if not await finished_in_thread(is_unchanged, path, content):
                    return False
            if isinstance(decoded, BadPicture):
                self._refuse(picture, content, decoded)
                return True
            vector = await self._vector(decoded.pixels)
            frames = await frame_vectors(decoded, vector, self._vector)
            self.encoded[sha256] = (decoded.width, decoded.height)
            date = content.mtime_ns / 1e9 if decoded.taken is None else decoded.taken.here()
            look = Look(decoded.placeholder, date)
            size = decoded.width, decoded.height
            self._writer.picture(PictureVector(sha256, *size, vector, look, frames))
            self.new += 1
            self._streak = 0
            return True
        finally:
            self._claimed.discard(sha256)

    async def _remember(self, sha256: str) -> None:
        if self._recall is None or sha256 in self.encoded:
            return
        size = await finished_in_thread(self._recall, sha256)
        if size is not None:
            self.encoded[sha256] = size

    async def _captions(self, picture: SourcePicture) -> None:
        for text in picture.captions:
            key = text_hash(text)
            if key in self.texts or key in self._claimed:
                continue
            self._claimed.add(key)
            try:
                vector = await self._patiently(
                    partial(self._embedder.embed_text, text, lane=Lane.BULK)
                )
                self.texts.add(key)
                self._writer.caption(CaptionVector(text, vector))
            except EncodingFailed as error:
                self._fail(picture, error.code, f"Its caption could not be encoded. {error}")
            finally:
                self._claimed.discard(key)

    async def _vector(self, pixels: Pixels) -> Vectors:
        return await self._patiently(partial(self._embedder.embed_pixels, pixels, lane=Lane.BULK))

    async def _patiently(self, call: Callable[[], Awaitable[Vectors]]) -> Vectors:
        return checked(await patiently(call), self._embedder.identity.dimension)

    def _refuse(self, picture: SourcePicture, content: Content, error: BadPicture) -> None:
        before = self._again.get(content.sha256)
        bad = self._circumstances.tried(
            BadFile(
                failure=Failure(path=picture.path, code=error.code, reason=str(error)),
                sha256=content.sha256,
                size=content.size,
                mtime_ns=content.mtime_ns,
            ),
            before,
        )
        self.bad[content.sha256] = bad
        self._writer.failure(bad)
        if not isinstance(error, DecodingFailed):
            self._streak = 0
        elif before is None:  # what failed before says nothing about the machinery now
            self._count_failure(str(error))

    def _fail(self, picture: SourcePicture, code: str, reason: str) -> None:
        self.failed[picture.path] = Failure(path=picture.path, code=code, reason=reason)

    def _count_failure(self, reason: str) -> None:
        self._streak += 1
        if self._streak >= _STREAK:
            raise EncodingFailed(
                "{count} pictures in a row could not be encoded, the last because: {reason}",
                remedy="Nothing was changed. Check the device and its memory, then reindex again.",
                count=_STREAK,
                reason=reason,
            )
