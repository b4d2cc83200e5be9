"""infinity-emb's engine as its documentation shows; run by bench/peers.py.

The first line names the model's folder, each further one a number of callers and the seed and
number of their texts; answered with the seconds for all and of the 99th percentile.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import os
from typing import Any

from bench.closed_loop import ask_all, questions
from bench.peer_programs.pipe import Pipe

_BATCH = 32


async def main() -> None:
    """Load the model, then answer."""
    pipe = Pipe()
    work = pipe.read()
    infinity: Any = importlib.import_module("infinity_emb")
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    engine = infinity.AsyncEmbeddingEngine.from_args(
        infinity.EngineArgs(
            model_name_or_path=work["model"],
            batch_size=_BATCH,
            engine="torch",
            device="cpu",
            dtype="float32",
            bettertransformer=False,
            trust_remote_code=False,
        )
    )
    async with engine:

        async def embed(text: str) -> object:
            vectors, _ = await engine.embed(sentences=[text])
            return vectors[0]

        await embed("a warm-up")
        names = ("infinity-emb", "transformers", "torch")
        pipe.say({"versions": {name: importlib.metadata.version(name) for name in names}})
        while asked := await asyncio.to_thread(pipe.read):
            texts = questions(asked["count"], asked["seed"])
            pipe.say(await ask_all(embed, texts, asked["callers"]))


if __name__ == "__main__":
    asyncio.run(main())
