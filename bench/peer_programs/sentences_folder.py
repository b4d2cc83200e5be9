"""sentence-transformers over a folder of pictures, as its documentation shows.

Run by bench/folder.py. The first line names the model's folder, each further one a folder of
pictures; answered with the seconds from files to vectors.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from bench.peer_programs.pipe import Pipe
from bench.peer_programs.sentences import BATCH, load


def main() -> None:
    """Load the model, then answer."""
    pipe = Pipe()
    image: Any = importlib.import_module("PIL.Image")
    model, versions = load(pipe.read()["model"])
    pipe.say({"versions": versions})
    while asked := pipe.read():
        started = time.perf_counter()
        files = sorted(Path(asked["folder"]).glob("*.jpg"))
        for start in range(0, len(files), BATCH):
            pictures = [image.open(file) for file in files[start : start + BATCH]]
            model.encode(pictures, batch_size=BATCH, show_progress_bar=False)
            for picture in pictures:
                picture.close()
        pipe.say(time.perf_counter() - started)


if __name__ == "__main__":
    main()
