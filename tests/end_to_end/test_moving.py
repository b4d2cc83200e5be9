"""``tangerine export`` and ``tangerine import``: a collection on another machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.program import Program

pytestmark = pytest.mark.process


def test_a_collection_moves_to_another_machine(
    indexed: Program, new_program: Callable[[], Program], tmp_path: Path
) -> None:
    """The same pictures under the same ids are found there; nothing is overwritten."""
    out = tmp_path / "out"
    told = indexed("export", out, "--json").json
    count = told.pop("pictures")
    assert told == {
        "collection": "default",
        "folder": str(out),
        "captions": told["captions"],
        "uploads": 0,
        "labels": 0,
        "failed": [],
    }
    assert count == len(list(indexed.gallery.glob("*.png")))
    again = indexed("export", out)
    assert (again.code, "holds something already" in again.err) == (1, True)

    other = new_program()
    moved = tmp_path / "elsewhere"
    place = {"TANGERINE_GALLERY": str(moved)}
    taken = other("import", out, "--json", **place).json
    assert taken["pictures"] == count
    assert taken["same_model"] is True
    reindex = taken["reindex"]
    assert (reindex["unchanged"], reindex["added"], reindex["changed"]) == (count, 0, 0)
    question = ("find", "orange fruits", "-k", "3", "--json")
    assert other(*question, **place).json == indexed(*question).json
    assert other("verify", **place).code == 0
    assert {file.name for file in moved.iterdir()} == {
        "captions.csv",
        *(file.name for file in indexed.gallery.glob("*.png")),
    }
    refused = other("import", out, **place)
    assert (refused.code, "has pictures already" in refused.err) == (1, True)
    manifest = json.loads((out / "tangerine.json").read_text())
    assert manifest["model"]["name"] == "mini"
