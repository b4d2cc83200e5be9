"""Pictures with the statistics of photographs: scales like them, compresses like them."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image


@cache
def photograph(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """An RGB picture of ``size``: a scene, things with sharp edges in it, and sensor noise.

    The scene's amplitudes fall with frequency as those of natural scenes do (about 1/f: D. J.
    Field, "Relations between the statistics of natural images and the response properties of
    cortical cells", 1987); its channels go along with each other. Never changed by callers.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    light = _scene(rng, frequency, size)
    channels = [0.8 * light + 0.4 * _scene(rng, frequency, size) for _ in range(3)]
    pixels = 110 + 45 * np.stack(channels, axis=-1) + rng.normal(0, 4, (height, width, 3))
    rows, columns = np.ogrid[:height, :width]
    for _ in range(20):
        radius = rng.uniform(0.02, 0.15) * min(size)
        across, down = rng.uniform(0, 1, 2) * size
        thing = (rows - down) ** 2 + (columns - across) ** 2 < radius**2
        pixels[thing] = 0.3 * pixels[thing] + 0.7 * rng.uniform(0, 255, 3)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _scene(rng: np.random.Generator, frequency: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    real, imaginary = rng.normal(size=(2, *frequency.shape))
    plane = np.fft.irfft2((real + 1j * imaginary) / frequency, s=size[::-1])
    return np.asarray(plane / plane.std())
