"""Two pictures are one where their pixels say so, not only their vectors."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain.errors import Busy, DuplicatePicture, NotFound
from core.domain.types import DecodedPicture, Picture, PixelSpec
from core.search.look_alikes import Comparable, LookAlikes, same
from core.search.rules import SearchRules
from core.search.service import Search
from tests.fakes import FakeDecoder
from tests.galleries import Gallery
from tests.photographs import photograph
from tests.picture_files import encode
from tests.text_pages import full_page, page


def _seen(image: Image.Image) -> Comparable:
    pixels = np.asarray(image.convert("RGB").resize((128, 128), Image.Resampling.BICUBIC))
    return Comparable(DecodedPicture(pixels, "PNG", *image.size, b""))


def _saved(quality: int) -> Callable[[Image.Image], Image.Image]:
    return lambda image: Image.open(io.BytesIO(encode(image, "JPEG", quality=quality)))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "saved badly": _saved(25),
    "a third": lambda image: image.resize((image.width // 3, image.height // 3)),
    "lighter": lambda image: image.point(lambda level: min(255, int(level * 1.2 + 10))),
    "beside": lambda image: image.transform(
        image.size, Image.Transform.AFFINE, (1, 0, 4, 0, 1, 5), fillcolor="white"
    ),
    "turned": lambda image: image.rotate(0.4, Image.Resampling.BICUBIC, fillcolor="white"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["page", "photograph"])
def test_the_same_picture_saved_otherwise_is_one(kind: str, change: str) -> None:
    """Compression, size, exposure and how a scan was laid down make no other picture of it."""
    image = page(1) if kind == "page" else photograph((480, 360), 3)
    assert same(_seen(image), _seen(CHANGES[change](image)))


def test_pages_with_other_words_are_others() -> None:
    """Also where margins and letters are the same."""
    pages = [_seen(page(seed)) for seed in range(8)]
    assert not any(same(one, other) for one, other in combinations(pages, 2))


@pytest.mark.parametrize("degrees", [0, 90])
@pytest.mark.parametrize("letters", [10, 14, 20])
def test_full_pages_with_the_same_lines_are_others(letters: int, degrees: int) -> None:
    """Where every line begins and ends at the same places, the words tell."""
    pages = [full_page(seed, letters).rotate(degrees, expand=True) for seed in range(3)]
    assert not any(same(_seen(one), _seen(other)) for one, other in combinations(pages, 2))
    assert all(same(_seen(pages[0]), _seen(change(pages[0]))) for change in CHANGES.values())


def test_lines_alone_are_compared_as_they_are() -> None:
    """Stripes hold no words."""
    stripes = Image.fromarray(np.tile((np.arange(400) // 20 % 2 * 255).astype("u1")[:, None], 400))
    assert all(
        same(_seen(stripes), _seen(change(stripes.convert("RGB")))) for change in CHANGES.values()
    )


def test_other_shapes_are_others() -> None:
    """What is half of a picture is another picture."""
    image = photograph((480, 360), 3)
    assert not same(_seen(image), _seen(image.crop((0, 0, 480, 180))))


@pytest.mark.parametrize(("colour", "one"), [((200, 30, 30), True), ((30, 30, 200), False)])
def test_of_plain_pictures_colours_decide(colour: tuple[int, int, int], *, one: bool) -> None:
    """There are no lines to compare."""
    plain = _seen(Image.new("RGB", (40, 40), (205, 33, 28)))
    assert same(plain, _seen(Image.new("RGB", (40, 40), colour))) is one
    assert not same(plain, _seen(page(1, (400, 400))))


def _picture(name: str) -> Picture:
    return Picture(
        id=name,
        collection="c",
        path=f"{name}.png",
        caption="",
        sha256=name * 8,
        width=425,
        height=550,
    )


class _Pages:
    """Pages of text in a folder, as a library and a decoder have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.decoder = FakeDecoder()
        self.look_alikes = LookAlikes(self._file, self._decode)
        self.busy = False

    async def _file(self, picture_id: str, community: str) -> tuple[Picture, Path]:
        assert community == "web"
        path = self.folder / f"{picture_id}.png"
        if not path.exists():
            raise NotFound("gone", remedy="search again")
        return _picture(picture_id), path

    async def _decode(self, source: bytes | Path, spec: PixelSpec) -> DecodedPicture:
        if self.busy:
            raise Busy("busy", remedy="wait", retry_after=1)
        return await self.decoder.decode(source, spec)


async def test_a_question_looks_once_at_what_it_took_for_one(tmp_path: Path) -> None:
    """What was found is kept; whoever is gone, or cannot be looked at now, stays one."""
    pages = _Pages(tmp_path)
    one, copy, other, gone = map(_picture, ("one", "copy", "other", "gone"))
    page(1).save(tmp_path / "one.png")
    page(1).resize((300, 388)).save(tmp_path / "copy.png")
    page(2).save(tmp_path / "other.png")
    question = pages.look_alikes.comparison()
    for each in (copy, other, gone):
        assert question.taken_for_one(one, each), "nobody has looked"
    pages.busy = True
    assert not await question.look("web", within_s=60)
    pages.busy = False
    for each in (copy, other, gone):
        question.taken_for_one(one, each)
    assert await question.look("web", within_s=60)
    found = [question.taken_for_one(each, one) for each in (copy, other, gone)]
    assert found == [True, False, True]
    decoded = len(pages.decoder.decoded)
    assert not await question.look("web", within_s=60)
    assert len(pages.decoder.decoded) == decoded == 3


async def test_a_look_that_had_no_time_is_taken_again(tmp_path: Path) -> None:
    """Two pictures are one until there was time to see that they are two."""
    pages = _Pages(tmp_path)
    for number, name in enumerate(("one", "other")):
        page(number).save(tmp_path / f"{name}.png")
    for seconds, two in ((0, False), (60, True)):
        question = pages.look_alikes.comparison()
        assert question.taken_for_one(_picture("one"), _picture("other"))
        assert await question.look("web", within_s=seconds) is two


async def test_a_page_with_other_words_is_added_at_once(tmp_path: Path) -> None:
    """However close its vector is; the same page again needs a second word."""
    gallery = Gallery(tmp_path, duplicate_cosine=0.5)

    async def add(image: Image.Image) -> Picture:
        return await gallery.contributions.add(
            encode(image, "PNG"), "", community="web", uploader="web:1"
        )

    await add(page(1))
    second = await add(page(2))
    assert len(await gallery.seen()) == 2
    with pytest.raises(DuplicatePicture) as refused:
        await add(page(2).resize((300, 388)))
    assert refused.value.picture.id == second.id
    assert not refused.value.exact


async def test_pages_with_other_words_are_shown_each(tmp_path: Path) -> None:
    """However close their vectors are; a copy of one is shown once."""
    gallery = Gallery(tmp_path)
    for name, image in {
        "lease": page(1),
        "recipe": page(2),
        "exam": page(3),
        "copy": page(3).resize((300, 388)),
    }.items():
        gallery.write(f"{name}.png", encode(image, "PNG"))
    await gallery.reindex()
    rules = SearchRules(duplicate_cosine=0.1)
    search = Search(gallery.library, gallery.embedder, gallery.decoder, rules=rules)
    found = await search.find("black words", community="web", k=10)
    names = {hit.picture.path.removesuffix(".png") for hit in found.hits}
    assert len(found.hits) == 3
    assert {"lease", "recipe"} < names
