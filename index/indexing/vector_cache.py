"""Which vectors a reindex need not make, and which of them were forgotten meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from core.domain.threads import finished_in_thread
from core.images.changes import moves, read_otherwise
from index.catalogue.catalogue import Catalogue
from index.catalogue.records import IndexedPicture, IndexState, text_hash
from index.indexing.encode import FileWorker
from index.indexing.scan import Scan, SourcePicture

AtHand = tuple[dict[str, tuple[int, int]], set[str]]
"""What has a vector: contents (SHA-256) with the size of the picture, and hashes of texts."""


class RunVectors:
    """The vectors that the catalogue has of one model, for one collection.

    ``since``: the run from which on they count; 0 for all.
    """

    def __init__(self, catalogue: Catalogue, model: str, collection: str, *, since: int) -> None:
        self._catalogue = catalogue
        self._collection = collection
        self._model = model
        self._since = since

    async def all(self) -> AtHand:
        return await self._of(None, None)

    async def at(self, known: IndexState, scan: Scan) -> AtHand:
        """Those that pictures may have that are known or were scanned.

        Of other contents, which a file may turn out to have, :meth:`recall` tells.
        """
        contents = {old.sha256 for old in known.pictures}
        contents |= {stamp.sha256 for stamp in known.stamps.values()}
        return await self._of(contents, _used(scan.pictures, {})[1])

    def look_again(self, known: IndexState, scan: Scan) -> bool:
        """Let those that earlier versions made count where this one reads the file as they did.

        Whether the index has to be rebuilt: there are others, whose pictures are then encoded
        anew, or were for another collection that has them, too. Blocking.
        """
        elsewhere = self._catalogue.made_elsewhere(self._model, self._collection)
        of_any, of_ten, counting = (
            self._catalogue.encoded_pictures(
                self._model, collection=self._collection, since_run=since
            )
            for since in (-2, -1, 0)
        )
        old = of_any.keys() - counting.keys()
        if not old:
            return elsewhere
        # Steps 14 and 10 of :mod:`index.catalogue.migrations` have marked them.
        one_frame = old - of_ten.keys()
        same: set[str] = set()
        for picture in scan.pictures:
            stamp = known.stamps.get(picture.path)
            if (
                stamp is not None
                and stamp.sha256 in old
                and stamp.sha256 not in same
                and (stamp.size, stamp.mtime_ns) == (picture.size, picture.mtime_ns)
                and not (moves if stamp.sha256 in one_frame else read_otherwise)(
                    scan.folder / picture.path
                )
            ):
                same.add(stamp.sha256)
        self._catalogue.keep_vectors(self._model, same)
        otherwise = old - same
        return elsewhere or any(picture.sha256 in otherwise for picture in known.pictures)

    def recall(self, sha256: str) -> tuple[int, int] | None:
        """The size of the picture whose content has a vector, None where it has none. Blocking."""
        found = self._catalogue.encoded_pictures(
            self._model, collection=self._collection, since_run=self._since, among=[sha256]
        )
        return found.get(sha256)

    async def lost(
        self, worker: FileWorker, known: IndexState, pictures: Sequence[SourcePicture]
    ) -> bool:
        """Let a worker count on no vector that is gone; whether there was any.

        Those of the pictures that are known are in use, and nobody forgets them meanwhile, but
        where only those of a run count.
        """
        contents, texts = _used(pictures, worker.contents)
        if not self._since:
            of_known, said = _used(known.pictures, {p.path: p.sha256 for p in known.pictures})
            contents, texts = contents - of_known, texts - said
        contents &= worker.encoded.keys()
        texts &= worker.texts
        encoded, hashes = await self._of(contents, texts)
        for gone in contents - encoded.keys():
            del worker.encoded[gone]
        worker.texts -= texts - hashes
        return len(encoded) < len(contents) or len(hashes) < len(texts)

    async def _of(self, contents: Collection[str] | None, texts: Collection[str] | None) -> AtHand:
        return (
            await finished_in_thread(
                self._catalogue.encoded_pictures,
                self._model,
                collection=self._collection,
                since_run=self._since,
                among=contents,
            ),
            await finished_in_thread(
                self._catalogue.encoded_captions,
                self._model,
                collection=self._collection,
                since_run=self._since,
                among=texts,
            ),
        )


def _used(
    pictures: Sequence[SourcePicture | IndexedPicture], contents: Mapping[str, str]
) -> tuple[set[str], set[str]]:
    """The contents (by path) and the hashes of the captions of these pictures."""
    return (
        {contents[each.path] for each in pictures if each.path in contents},
        {text_hash(text) for each in pictures for text in each.captions},
    )
