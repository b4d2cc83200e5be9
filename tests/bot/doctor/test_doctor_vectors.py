"""What ``tangerine doctor``, ``status`` and ``/readyz`` say of vectors in Milvus."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.background import opened_index
from bot.doctor.findings import Severity
from bot.doctor.vectors import check_vectors
from bot.engine.specs import collection_specs
from bot.engine.stored import open_stored
from bot.observability.health import IndexWatch
from bot.tasks.status import _vectors
from config.settings import Settings
from tests.servers.milvus import MilvusProcess


def _settings(home: Path, database: str, vectors: str) -> Settings:
    (home / "pictures").mkdir(exist_ok=True)
    return Settings.model_validate(
        {
            "data_dir": home / "data",
            "gallery": home / "pictures",
            "database_url": database,
            "vectors_url": vectors,
        }
    )


async def test_who_has_the_vectors_is_told(
    postgresql_url: str, milvus: MilvusProcess, tmp_path: Path
) -> None:
    """Where it answers, which server it is and what it has; else why not, without the password."""
    settings = _settings(tmp_path, postgresql_url, milvus.url)
    told = check_vectors(settings)
    assert told[0].verdict is Severity.OK
    assert "v2.3.5" in told[0].message
    assert "0 of 0 vectors" in told[1].message

    away = _settings(tmp_path, postgresql_url, "milvus://tangerine:a-password@127.0.0.1:9")
    [failed] = check_vectors(away)
    assert failed.verdict is Severity.FAILED
    assert "127.0.0.1:9" in failed.message
    assert "a-password" not in repr(failed)
    async with open_stored(away) as stored:
        kept = _vectors(away, stored.catalogue)
        assert kept is not None
        assert kept.view["reached"] is False
        [spec] = collection_specs(away)
        watch = IndexWatch(
            [spec.name], lambda _: opened_index(stored.library, spec, stored.store.copies)
        )
        await watch.look(spec.name)
        [trouble] = watch.troubles()
        assert "cannot be reached at the moment" in trouble


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"vectors_url": "milvus://db.example.org"}, "vectors_url needs database_url"),
        ({"vectors_url": "http://a-password@db"}, "use an address of Milvus"),
        ({"vectors_collections": ["other"]}, "there is no collection 'other'"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, object], words: str) -> None:
    """Before anything is opened, and without repeating a password."""
    with pytest.raises(ValueError, match=words) as told:
        Settings.model_validate(settings)
    assert all("a-password" not in each["msg"] for each in told.value.errors())  # type: ignore[attr-defined]


def test_collections_are_chosen() -> None:
    """All of them are in Milvus, or those that are named; none where it is not set."""
    both = {
        "database_url": "postgresql://db/tangerine",
        "collections": [{"name": name, "folder": f"/{name}"} for name in ("small", "huge")],
    }
    named = {"vectors_url": "milvus://db", "vectors_collections": "huge"}
    assert Settings.model_validate(both).remote_collections == set()
    every = Settings.model_validate({**both, "vectors_url": "milvus://db"})
    assert every.remote_collections == {"small", "huge"}
    assert Settings.model_validate({**both, **named}).remote_collections == {"huge"}
