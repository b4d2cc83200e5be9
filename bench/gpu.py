"""``python -m bench.gpu``: pictures a second on a GPU, beside transformers and the card's limit.

The limit is what the card does in large bfloat16 matrix products, measured in the same run;
the model's own work is counted from its shapes, multiplications and additions apart.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.encoding import clip, transformers_on
from core.encoder.load import load_encoder
from core.encoder.trials import probe_pixels

_ROUNDS = 7
_SIZES = (1, 8, 32, 128, 256)
_EDGE = 8192
"""Of the matrices whose product tells the card's rate: large enough to be at its limit."""


def main() -> None:
    """Print one line for each size of batch."""
    import torch  # noqa: PLC0415 - only where there is a GPU

    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA GPU here.")
    rate = _matmul_rate()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print(f"bfloat16 matrix products: {rate / 1e12:.0f} TFLOP/s")
    folder = clip()
    work = _flops_of_picture(folder)
    pixels = probe_pixels(load_encoder(str(folder), device="cuda").pixel_spec, max(_SIZES))
    for precision in ("bfloat16", "float16"):
        encoder = load_encoder(str(folder), device="cuda", precision=precision)
        for size in _SIZES:
            batch = np.ascontiguousarray(pixels[:size])
            eager = {
                numbers: transformers_on(folder, "cuda", numbers, batch)
                for numbers in ("float32", precision)
            }
            ours = [_seconds(lambda b=batch, e=encoder: e.encode_images(b)) for _ in range(_ROUNDS)]
            theirs = {
                numbers: statistics.median(_seconds(run) for _ in range(_ROUNDS))
                for numbers, run in eager.items()
            }
            median = statistics.median(ours)
            print(
                f"{precision} batch {size:4}: {size / median:9.0f} pictures/s, "
                f"{work * size / median / rate:6.1%} of the products' rate, "
                + ", ".join(
                    f"{seconds / median:.2f}x transformers {numbers}"
                    for numbers, seconds in theirs.items()
                )
            )


def _seconds(run: Callable[[], object]) -> float:
    """The best of three with the GPU idle before and after, so that one hiccup counts little."""
    import torch  # noqa: PLC0415 - only where there is a GPU

    best = float("inf")
    for _ in range(3):
        torch.cuda.synchronize()
        started = time.perf_counter()
        run()
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return best


def _matmul_rate() -> float:
    """Multiplications and additions a second."""
    import torch  # noqa: PLC0415 - only where there is a GPU

    a, b = (torch.randn(_EDGE, _EDGE, device="cuda", dtype=torch.bfloat16) for _ in range(2))

    def product() -> object:
        return a @ b

    product()
    return 2 * _EDGE**3 / min(_seconds(product) for _ in range(_ROUNDS))


def _flops_of_picture(folder: Path) -> float:
    """Multiplications and additions of the vision tower, counted by torch itself."""
    import torch  # noqa: PLC0415 - only where there is a GPU
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415
    from transformers import AutoModel  # noqa: PLC0415

    model: Any = AutoModel.from_pretrained(folder).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        model.get_image_features(pixel_values=torch.zeros(1, 3, 224, 224))
    return float(counter.get_total_flops())


if __name__ == "__main__":
    main()
