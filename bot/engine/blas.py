"""How many cores one product of matrices takes in a program that answers many questions at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from threadpoolctl import ThreadpoolController


def one_core_for_each_product() -> None:
    """Let numpy multiply matrices on the core that asks for it, from now on.

    Its OpenBLAS wakes a thread for each core even for a product of a tenth of a millisecond,
    and they wait for each other in busy loops. Where anything else has the cores, as the next
    question does, ranking one took 21.6 ms of processor time so instead of 2.7 (1,024 x 512
    times a vector, several times; a load of 11 on two cores). FAISS and torch have libraries
    of their own, which this leaves alone.
    """
    home = Path(np.__file__).parent
    for library in ThreadpoolController().lib_controllers:
        # Wheels keep their libraries in numpy.libs beside the package, or within it.
        folders = {parent.name for parent in Path(library.filepath).parents}
        if library.user_api == "blas" and folders & {home.name, f"{home.name}.libs"}:
            library.set_num_threads(1)
