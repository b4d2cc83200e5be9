"""A posted part of a picture brings the picture first, where vectors alone do not."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain.errors import Busy
from core.domain.types import (
    Band,
    DecodedPicture,
    Picture,
    Pixels,
    PixelSpec,
    SearchResult,
    Vectors,
)
from core.images.resize import fit_pixels
from core.search.coalescing import nearest
from core.search.crop_matching import NEAREST, PostedView, Recogniser
from core.search.ports import THUMBNAIL_EDGE
from core.search.query_views import ViewTransform
from core.search.rules import SearchRules
from core.search.scoring import NearestPictures
from core.search.service import Search
from tests.fake_collections import FakeLibrary, FakeSnapshot, FakeVectorIndex
from tests.fakes import FakeDecoder, FakeEmbedder, FakeEncoder, unit

PICTURES = 14
WHOLE = (120, 90)


def blobs(seed: int) -> Image.Image:
    """A picture of soft spots of many colours, other ones for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(WHOLE, Image.Resampling.BICUBIC)


def png(image: Image.Image) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Fitting(FakeDecoder):
    """Decodes with the true fit; ``busy`` refuses files of that name, as a full queue does."""

    busy = ""

    async def decode(
        self, source: bytes | Path, spec: PixelSpec, *, preview: int = 0, frames: bool = False
    ) -> DecodedPicture:
        """See the port."""
        decoded = await super().decode(source, spec, preview=preview, frames=frames)
        image, _ = self._open(source)
        return replace(decoded, pixels=fit_pixels(image, spec))

    async def thumbnail(self, source: bytes | Path, edge: int, at_s: float = 0.0) -> bytes:
        """See the port."""
        if isinstance(source, Path) and source.name == self.busy:
            raise Busy("Too many pictures wait.", remedy="Try again.", retry_after=1)
        return await super().thumbnail(source, edge, at_s)


class Blind(FakeEncoder):
    """Sees nothing in any picture: all vectors are the same one."""

    def _image(self, picture: Pixels) -> Vectors:  # noqa: ARG002 - it is blind
        return axis(0.0)


def axis(angle: float) -> Vectors:
    """A unit vector at this angle, in radians, from what the blind encoder sees."""
    vector = np.zeros(32, dtype=np.float32)
    vector[:2] = np.cos(angle), np.sin(angle)
    return unit(vector)


class Gallery:
    """Pictures that a blind encoder finds in their order, with files; the last is the farthest."""

    def __init__(self, folder: Path) -> None:
        names = [("red", f"number {number}") for number in range(PICTURES)]
        snapshot = FakeSnapshot.of(names)
        vectors = np.stack([axis(0.7 + 0.05 * number) for number in range(PICTURES)])
        snapshot = replace(
            snapshot,
            pictures=tuple(
                replace(picture, width=WHOLE[0], height=WHOLE[1]) for picture in snapshot.pictures
            ),
            picture_index=FakeVectorIndex(vectors),
        )
        self.snapshot = snapshot
        self.files = {}
        for number, picture in enumerate(snapshot.pictures):
            file = folder / f"{number}.png"
            file.write_bytes(png(blobs(number)))
            self.files[picture.id] = file
        self.library = FakeLibrary({"gallery": snapshot}, files=self.files)
        self.decoder = Fitting()

    def recogniser(self, timeout_s: float = 60.0) -> Recogniser:
        """One without a search around it."""

        async def thumbnail(_: Picture, path: Path) -> bytes:
            return await self.decoder.thumbnail(path, THUMBNAIL_EDGE)

        return Recogniser(self.library.file_of, thumbnail, timeout_s=timeout_s)

    def view(self, way: ViewTransform, vector: Vectors) -> PostedView:
        """A view with what it finds."""
        [near] = nearest(self.snapshot.picture_index, vector[None], 2 * NEAREST)
        return PostedView(way, vector, NearestPictures(near, (0.0, 1.0)))

    def search(self, **rules: float) -> Search:
        """A search that is never sure but by pixels."""
        rules = {"duplicate_cosine": 1.0} | rules
        embedder = FakeEmbedder(Blind())
        return Search(self.library, embedder, self.decoder, rules=SearchRules(**rules))


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """Fourteen pictures, of which a look takes the first ten."""
    return Gallery(tmp_path)


def order(result: SearchResult) -> list[int]:
    """The numbers of the pictures found."""
    return [int(hit.picture.id[1:]) for hit in result.hits]


PART = (30, 20, 110, 85)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_part_brings_its_original_first(gallery: Gallery, turns: int) -> None:
    """Upright; turned, it is known where vectors tell that it was turned (here they do not)."""
    posted = png(blobs(7).crop(PART).rotate(90 * turns, expand=True))
    result = await gallery.search().similar(posted, community="web", k=5)
    assert order(result) == ([7, 0, 1, 2, 3] if not turns else [0, 1, 2, 3, 4])


async def test_scores_stay_cosines(gallery: Gallery) -> None:
    """What is recognised keeps its score, below that of the next, and is fair at least."""
    result = await gallery.search().similar(png(blobs(7).crop(PART)), community="web", k=PICTURES)
    scores = {int(hit.picture.id[1:]): hit.score for hit in result.hits}
    assert scores[7] == pytest.approx(np.cos(0.7 + 7 * 0.05), abs=1e-5)
    assert result.hits[0].score < result.hits[1].score
    plain = await gallery.search(sure_cosine=-1).similar(
        png(blobs(7).crop(PART)), community="web", k=PICTURES
    )
    assert {hit.picture.id: hit.score for hit in plain.hits} == {
        hit.picture.id: hit.score for hit in result.hits
    }
    weak = next(hit for hit in plain.hits if hit.picture.id == result.hits[0].picture.id)
    assert weak.band is Band.WEAK
    assert result.hits[0].band is Band.FAIR
    assert result.close_match


async def test_pages_agree(gallery: Gallery) -> None:
    """What is first on the first page is on no other, whatever their size."""
    search, posted = gallery.search(), png(blobs(7).crop(PART))
    found: list[int] = []
    for offset in range(0, PICTURES, 4):
        found += order(await search.similar(posted, community="web", k=4, offset=offset))
    assert found == [7, *(number for number in range(PICTURES) if number != 7)]


async def test_nothing_is_looked_at_where_vectors_are_sure(gallery: Gallery) -> None:
    """Nor where a text says what should be different; then no file is read."""
    posted = png(blobs(7).crop(PART))
    sure = await gallery.search(sure_cosine=0.5).similar(posted, community="web", k=3)
    mixed = await gallery.search().similar(posted, community="web", k=3, text="red")
    assert order(sure) == [0, 1, 2]
    assert 7 not in order(mixed)
    assert not [source for source in gallery.decoder.opened if isinstance(source, Path)]


async def test_what_is_not_there_changes_nothing(gallery: Gallery) -> None:
    """Another picture, and the part of one beyond those that are looked at."""
    for seed in (99, NEAREST + 1):
        posted = png(blobs(seed).crop(PART))
        assert order(await gallery.search().similar(posted, community="web", k=3)) == [0, 1, 2]


async def test_only_what_the_community_sees_is_read(gallery: Gallery) -> None:
    """A held original is neither shown nor opened; the others are."""
    gallery.library.held["web"] = {gallery.snapshot.pictures[7].id}
    result = await gallery.search().similar(png(blobs(7).crop(PART)), community="web", k=3)
    assert order(result) == [0, 1, 2]
    read = {source.name for source in gallery.decoder.opened if isinstance(source, Path)}
    assert read == {f"{number}.png" for number in range(NEAREST + 1) if number != 7}


async def test_files_that_cannot_be_read_are_passed_over(gallery: Gallery) -> None:
    """One is gone and one is damaged since they were indexed."""
    del gallery.files[gallery.snapshot.pictures[2].id]
    gallery.files[gallery.snapshot.pictures[3].id].write_bytes(b"no picture")
    result = await gallery.search().similar(png(blobs(7).crop(PART)), community="web", k=2)
    assert order(result) == [7, 0]


async def test_a_busy_decoder_costs_the_look_alone(gallery: Gallery) -> None:
    """The answer comes by vectors, not as an error."""
    gallery.decoder.busy = "4.png"
    result = await gallery.search().similar(png(blobs(7).crop(PART)), community="web", k=2)
    assert order(result) == [0, 1]


async def test_a_slow_decoder_costs_no_more_than_its_time(gallery: Gallery) -> None:
    """Out of time, nothing is recognised."""
    posted = np.asarray(blobs(7).crop(PART))
    views = [gallery.view(ViewTransform(), axis(0.0))]
    assert await gallery.recogniser(0.0).recognise(posted, views, gallery.snapshot) is None
    found = await gallery.recogniser(60.0).recognise(posted, views, gallery.snapshot)
    assert found is not None
    assert found.row == 7


async def test_a_wrong_view_is_no_harm(gallery: Gallery) -> None:
    """Where vectors prefer another view of a part, the part as it is is compared as well."""
    part = np.asarray(blobs(7).crop(PART))
    plain = gallery.view(ViewTransform(), axis(0.0))
    wrong = gallery.view(ViewTransform(turns=1), axis(3.0))
    found = await gallery.recogniser().recognise(part, [plain, wrong], gallery.snapshot)
    assert found is not None
    assert (found.row, found.view) == (7, plain)


async def test_small_pictures_are_kept(gallery: Gallery) -> None:
    """The second look at the same ones opens no file."""
    search, posted = gallery.search(), png(blobs(7).crop(PART))
    await search.similar(posted, community="web", k=1)
    before = _files_read(gallery.decoder.opened)
    assert before == NEAREST
    await search.similar(posted, community="web", k=1)
    assert _files_read(gallery.decoder.opened) == before


@pytest.mark.parametrize(
    "way",
    [
        ViewTransform(turns=1),
        ViewTransform(turns=3),
        ViewTransform(turns=2),
        ViewTransform(share=0.7),
        ViewTransform(share=0.5),
    ],
)
async def test_a_picture_is_compared_as_its_view_shows_it(
    gallery: Gallery, way: ViewTransform
) -> None:
    """A view that undoes a turn, or the middle of a screen, is what is laid over the nearest."""
    image = blobs(5)
    if way.turns:
        image = image.rotate(-90 * way.turns, expand=True)
    else:
        wide = Image.new("RGB", (300, 300), "black")
        wide.paste(image, ((300 - WHOLE[0]) // 2, (300 - WHOLE[1]) // 2))
        image = wide
    seen = gallery.view(way, axis(0.0))
    recogniser = gallery.recogniser()
    for views in ([seen], [gallery.view(ViewTransform(), axis(0.0)), seen]):
        found = await recogniser.recognise(np.asarray(image), views, gallery.snapshot)
        assert found is not None
        assert (found.row, found.view) == (5, seen)


def _files_read(opened: Sequence[bytes | Path]) -> int:
    return sum(isinstance(source, Path) for source in opened)
