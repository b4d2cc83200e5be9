"""Vectors in a real Milvus: what is written is found, what is deleted is not, nobody else's is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from bench.clip_like import clip_like
from core.domain.errors import CatalogueError, VectorsUnreachable
from core.domain.types import ModelIdentity
from index.vectors.milvus import MilvusAddress, MilvusEngine
from tests.servers.milvus import MilvusProcess

MODEL = ModelIdentity(name="clip-like", fingerprint="a" * 64, dimension=512)


@pytest.fixture
def engine(milvus: MilvusProcess) -> Iterator[MilvusEngine]:
    """One without sets."""
    made = MilvusEngine(milvus.url, timeout_s=30)
    yield made
    made.drop("trial")
    made.close()


async def within(seconds: float, condition: Callable[[], bool]) -> None:
    """Wait until this holds."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - a server that tells nobody
            await asyncio.sleep(0.05)


async def test_what_is_written_is_found(engine: MilvusEngine) -> None:
    """Text queries have nineteen of twenty true neighbours; what is deleted is gone in seconds."""
    pictures, texts = clip_like(2_000, 32)
    numbers = np.arange(10, 2_010, dtype=np.int64)
    engine.make("trial", MODEL)
    engine.make("trial", MODEL)
    engine.write("trial", numbers, pictures, again=False)
    assert engine.count("trial") == 2_000
    exact = np.argsort(-(texts @ pictures.T), axis=1)[:, :10] + 10
    await within(20, lambda: all(map(len, engine.nearest("trial", texts, 64))))
    found = engine.nearest("trial", texts, 64)
    hits = [np.isin(exact[n], found[n]).mean() for n in range(len(texts))]
    assert np.mean(hits) >= 0.97
    assert all(len(set(each.tolist())) == len(each) == 64 for each in found)

    best = int(exact[0, 0])
    engine.write("trial", numbers[:5], pictures[:5], again=True)
    engine.delete("trial", [best])
    assert engine.count("trial") == 1_999
    assert best not in engine.between("trial", best - 2, best + 2)
    assert len(engine.between("trial", best - 2, best + 2)) >= 2
    await within(20, lambda: best not in engine.nearest("trial", texts[:1], 64)[0])


def test_vectors_of_another_model_are_refused(engine: MilvusEngine) -> None:
    """Sizes may be equal: the fingerprint tells."""
    engine.make("trial", MODEL)
    other = ModelIdentity(name="clip-like", fingerprint="b" * 64, dimension=512)
    with pytest.raises(CatalogueError, match="another model"):
        engine.make("trial", other)
    assert engine.check("trial", MODEL)
    assert not engine.check("trial", other)
    assert not engine.check("another", MODEL)


def test_nobody_there_is_said_without_the_password() -> None:
    """The server's name and what to check; whoever asks hears that it is for a moment."""
    engine = MilvusEngine("milvus://somebody:a-password@127.0.0.1:9", timeout_s=0.5)
    with pytest.raises(VectorsUnreachable) as told:
        engine.version()
    assert "127.0.0.1:9" in told.value.message
    assert "a-password" not in str(vars(told.value))
    assert told.value.retry_after > 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("milvus://db.example.org", ("db.example.org", 19530, False, "", "", "")),
        ("milvus+tls://u:p%40w@host:1/mine", ("host", 1, True, "u", "p@w", "mine")),
    ],
)
def test_an_address_is_parsed(url: str, expected: tuple[object, ...]) -> None:
    """User and password, TLS and the database where they are given; the usual port."""
    found = MilvusAddress.parsed(url)
    assert (
        *(found.host, found.port, found.secure),
        *(found.user, found.password, found.database),
    ) == expected


@pytest.mark.parametrize("url", ["http://host", "milvus://", "milvus://host?x=1"])
def test_a_wrong_address_is_refused(url: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(ValueError, match="milvus://HOST"):
        MilvusAddress.parsed(url)
