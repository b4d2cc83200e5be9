"""The commands that train and judge models, by the program itself with the real model."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.program import Program

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def trained(indexed: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint trained on the gallery from mini."""
    out = tmp_path_factory.mktemp("training") / "trained"
    done = indexed(
        "train", "--data", indexed.gallery, "--loss", "contrastive", "--out", out, "--epochs", "1"
    )
    assert done.code == 0, done.err
    assert "epoch 1: recall" in done.err
    assert "--against mini" in done.err
    return out


def test_a_trained_model_is_one_that_every_command_takes(indexed: Program, trained: Path) -> None:
    """It is measured; an index of another model refuses it; nothing is trained over it."""
    data = ("--data", indexed.gallery)
    assert (trained / "config.json").exists()
    again = indexed("train", *data, "--loss", "contrastive", "--out", trained)
    assert again.code == 1  # what was trained once is not overwritten
    measured = indexed("evaluate", *data, "--model", str(trained), "--json").json
    assert set(measured) == {
        "pairs", "text_to_image", "image_to_text", "positive_similarity", "negative_similarity",
    }  # fmt: skip
    for side in ("text_to_image", "image_to_text"):
        assert set(measured[side]) == {"recall@1", "recall@5", "recall@10"}
        assert 0 <= measured[side]["recall@1"] <= measured[side]["recall@10"] <= 1
    assert measured["pairs"] >= 40
    mismatch = indexed("find", "x", TANGERINE_MODEL=str(trained))
    assert mismatch.code == 1
    assert "reindex --full" in mismatch.err


def test_a_model_is_judged_on_pictures_that_it_has_not_seen(
    indexed: Program, trained: Path
) -> None:
    """With too few unseen pictures there is no verdict; with enough, an exit code."""
    arguments = ("evaluate", "--data", indexed.gallery, "--model", trained)
    learnt = json.loads((trained / "training.json").read_text())["learnt"]
    done = indexed(*arguments, "--against", "mini")
    assert done.code == 1
    assert f"trained with {len(learnt)} of the pictures" in " ".join(done.err.split())
    # As if it had been trained elsewhere: then every picture is evidence.
    record = json.loads((trained / "training.json").read_text())
    (trained / "training.json").write_text(json.dumps({**record, "learnt": []}))
    verdict = indexed(*arguments, "--against", "mini", "--json")
    answer = json.loads(verdict.out)
    assert verdict.code == (0 if answer["may_serve"] else 1)
    assert answer["may_serve"] is all(
        answer[way]["recall@5"] >= answer["against"][way]["recall@5"]
        for way in ("text_to_image", "image_to_text")
    )
    (trained / "training.json").write_text(json.dumps(record))


def test_compare_draws_and_warns_of_pictures_that_were_learnt(
    indexed: Program, trained: Path, tmp_path: Path
) -> None:
    """Plots are written; a table over learnt pictures says that it flatters."""
    done = indexed("compare", "mini", trained, "--plots", tmp_path / "plots")
    assert done.code == 0
    assert "flatters" in done.err
    assert {path.suffix for path in (tmp_path / "plots").iterdir()} == {".png"}
    assert "mini" in done.out
    assert "trained" in done.out
    assert indexed("compare", "mini").code == 2


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_killed_training_is_resumed(new_program: Callable[[], Program], tmp_path: Path) -> None:
    """SIGKILL in the middle; ``--resume`` writes what an uninterrupted training wrote."""
    program = new_program()
    command = ["train", "--data", str(program.gallery), "--loss", "contrastive", "--epochs", "6"]
    whole = program(*command, "--out", tmp_path / "whole")
    assert whole.code == 0, whole.err
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", *command, "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE, text=True, env=program.environment,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 2"):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    done = program(*command, "--out", tmp_path / "out", "--resume")
    assert done.code == 0, done.err
    assert "before it was stopped" in done.err
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name
