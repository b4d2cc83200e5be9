"""What a browser shows of odd files is what the decoder makes of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image
from playwright.async_api import Browser

from core.domain.errors import BadPicture
from core.images.decode import DecodeLimits, read_picture
from core.images.worker import configure_decoders
from tests.odd_files import OddFile, odd_files

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

_LIMITS = DecodeLimits(max_bytes=None, max_pixels=1_000_000)
_BACKGROUNDS = ("rgb(255, 255, 255)", "rgb(32, 32, 32)")

_DRAW = """async ([files, background]) => {
  const drawn = [];
  for (const file of files) {
    const bytes = Uint8Array.from(atob(file), letter => letter.charCodeAt(0));
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([bytes]));
    try { await image.decode(); } catch { drawn.push(null); continue; }
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d');
    context.fillStyle = background;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const letters = Array.from(data, level => String.fromCharCode(level));
    drawn.push([canvas.width, canvas.height, btoa(letters.join(''))]);
  }
  return drawn;
}"""


async def _drawn(
    browser: Browser, files: Sequence[bytes], background: str
) -> list[NDArray[np.int16] | None]:
    page = await browser.new_page()
    encoded = [base64.b64encode(data).decode() for data in files]
    found = await page.evaluate(_DRAW, [encoded, background])
    await page.close()
    return [
        None
        if each is None
        else np.frombuffer(base64.b64decode(each[2]), np.uint8)
        .reshape(each[1], each[0], 4)[..., :3]
        .astype(np.int16)
        for each in found
    ]


def _wrong(file: OddFile, shown: Sequence[NDArray[np.int16] | None]) -> str:
    """What differs from what a browser shows on either background; nothing where it is right."""
    if shown[0] is None:
        return ""  # nobody asks for more than a browser
    try:
        picture = read_picture(file.data, _LIMITS).image
    except BadPicture as error:
        return f"{file.name}: {error} ({error.__cause__!r})"
    pixels = np.asarray(picture, dtype=np.int16)
    if pixels.shape != shown[0].shape:
        return f"{file.name}: {pixels.shape} for {shown[0].shape}"
    apart = min(float(np.abs(pixels - each).mean()) for each in shown if each is not None)
    return f"{file.name}: {apart:.1f} levels" if apart > file.slack else ""


@pytest.fixture(autouse=True)
def _as_in_a_worker() -> Iterator[None]:
    """What a worker sets for its whole process, for these tests alone."""
    kept = Image.MAX_IMAGE_PIXELS, AvifImagePlugin.DEFAULT_MAX_THREADS
    configure_decoders(_LIMITS.max_pixels)
    yield
    Image.MAX_IMAGE_PIXELS, AvifImagePlugin.DEFAULT_MAX_THREADS = kept


async def _compare(browser: Browser, seed: int, count: int) -> None:
    files = odd_files(seed, count)
    whole = [file.whole for file in files]
    on_white, on_dark = [await _drawn(browser, whole, each) for each in _BACKGROUNDS]
    wrong = [
        found
        for file, *shown in zip(files, on_white, on_dark, strict=True)
        if (found := _wrong(file, shown))
    ]
    refused = sum(each is None for each in on_white)
    print(f"{count} odd files, {refused} of which the browser does not show")
    assert not wrong
    assert refused < count // 10


async def test_odd_files_look_as_in_a_browser(browser: Browser) -> None:
    """Of each format a sample of chunks, markers, brands, orders, masks, profiles and turns.

    A browser shows no HEIC: the same picture and coding as AVIF stands for one.
    """
    await _compare(browser, 1, 140)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2, 6))
async def test_many_odd_files_look_as_in_a_browser(browser: Browser, seed: int) -> None:
    """The same of some thousands."""
    await _compare(browser, seed, 600)
