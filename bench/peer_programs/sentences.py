"""sentence-transformers with a queue before it; run by bench/queues.py.

The first line names the model's folder, each further one a number of ``callers`` and the
``seed`` and ``count`` of their texts; answered with the seconds for all and of the 99th
percentile.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import os
from typing import Any

from bench.closed_loop import ask_all, questions
from bench.peer_programs.pipe import Pipe

BATCH = 32
"""The default of ``SentenceTransformer.encode``."""


class Queue:
    """What its users put before it: a task that encodes in a thread whatever waits by then."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._waiting: asyncio.Queue[tuple[str, asyncio.Future[object]]] = asyncio.Queue()

    async def embed(self, text: str) -> object:
        """The vector of a text."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        await self._waiting.put((text, answer))
        return await answer

    async def work(self) -> None:
        """Answer, until it is cancelled."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            vectors = await asyncio.to_thread(
                self._model.encode, [text for text, _ in batch], show_progress_bar=False
            )
            for (_, answer), vector in zip(batch, vectors, strict=True):
                answer.set_result(vector)


def load(folder: str) -> tuple[Any, dict[str, str]]:
    """A CLIP checkpoint as sentence-transformers takes it, and the versions of what runs it."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    library: Any = importlib.import_module("sentence_transformers")
    modules: Any = importlib.import_module("sentence_transformers.sentence_transformer.modules")
    model = library.SentenceTransformer(modules=[modules.CLIPModel(folder)], device="cpu")
    names = ("sentence-transformers", "transformers", "torch", "pillow")
    return model, {name: importlib.metadata.version(name) for name in names}


async def main() -> None:
    """Load the model, then answer."""
    pipe = Pipe()
    model, versions = load(pipe.read()["model"])
    queue = Queue(model)
    worker = asyncio.create_task(queue.work())
    await queue.embed("a warm-up")
    pipe.say({"versions": versions})
    while asked := await asyncio.to_thread(pipe.read):
        texts = questions(asked["count"], asked["seed"])
        pipe.say(await ask_all(queue.embed, texts, asked["callers"]))
    worker.cancel()


if __name__ == "__main__":
    asyncio.run(main())
