"""What was exported works where torch, transformers and what only clusters need are missing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.program import Program
from tests.running import running

pytestmark = [pytest.mark.process, pytest.mark.timeout(400)]

_ABSENT = """
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "psycopg"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""

_COMMANDS = """
import json, os, sys
from pathlib import Path
from tests.program import Program
program = Program(Path(sys.argv[1]), dict(os.environ))
def said(*arguments):
    done = program(*arguments)
    assert done.code == 0, done.err
    return done.out
told = {"reindex": json.loads(said("reindex", "--json"))}
told["find"] = json.loads(said("find", "a green apple", "--json"))
picture = program.gallery / told["find"]["hits"][0]["path"]
for command in ("similar", "describe"):
    told[command] = json.loads(said(command, picture, "--json"))
told["classify"] = json.loads(said("classify", picture, "fruit", "ship", "--json"))
told |= {"status": said("status"), "verify": json.loads(said("verify", "--json"))}
print(json.dumps(told))
"""
"""In one process, which spares seconds of imports."""

_COUNTED = """
import sys
sys.argv[0] = "tangerine"
from bot.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(len(sys.modules), *sorted({name.partition(".")[0] for name in sys.modules}))
"""

_MODULES = 1200
"""What ``find`` may import, Python's own with them: a sixth more than when this was written."""


@pytest.fixture(scope="module")
def lean(new_program: Callable[[], Program], tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A program in whose interpreters nothing finds torch, transformers or psycopg."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(_ABSENT)
    program = new_program()
    return replace(program, environment={**program.environment, "PYTHONPATH": str(site)})


@pytest.fixture(scope="module")
def told(lean: Program) -> Any:
    """What the commands say there, the gallery being indexed by the first."""
    return json.loads(_run(lean, _COMMANDS, str(lean.folder)).splitlines()[-1])


def _run(program: Program, code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=program.environment,
        cwd=program.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_exported_model_answers(told: Any) -> None:
    """Indexing, questions by words and by picture, and the checks."""
    assert told["reindex"]["failed"] == []
    best = told["find"]["hits"][0]
    assert best["caption"] == "A green apple."
    for command in ("similar", "describe"):
        assert best["path"] in [hit["path"] for hit in told[command]["hits"]]
    assert told["classify"]["labels"][0]["label"] == "fruit"
    assert "runs from its export, without torch and transformers" in told["status"]
    assert told["verify"] == {"ok": True, "differences": [], "repaired": []}


def test_a_question_imports_no_more_than_its_budget(lean: Program, told: Any) -> None:
    """Every module is a file that is looked for, read and run each time."""
    modules, *packages = _run(lean, _COUNTED, "find", "a bird").splitlines()[-1].split()
    assert int(modules) <= _MODULES
    absent = {"aiohttp", "discord", "huggingface_hub", "matplotlib", "openvino", "telegram"}
    assert not absent & set(packages)
    assert told["find"]["hits"]


async def test_a_bot_serves_an_exported_model(lean: Program, told: Any) -> None:
    """It gives the answers of the command line, and logs how the model runs."""
    async with running(lean) as bot:
        await bot.wait_for(lambda: bot.said("Ready:"))
        code, answer = await bot.get("/api/find", q="a green apple")
        assert code == 200
        assert answer["hits"][0]["path"] == told["find"]["hits"][0]["path"]
        assert bot.said('"exported": true')


def test_what_needs_torch_says_so_in_one_line(lean: Program, tmp_path: Path) -> None:
    """Training, and a model that was not exported; exit code 1 and no traceback."""
    ours = ("--data", lean.gallery, "--loss", "contrastive", "--out", tmp_path / "trained")
    elsewhere = {"TANGERINE_DATA_DIR": str(tmp_path / "data")}
    for done in (lean.apart("train", *ours), lean.apart("reindex", **elsewhere)):
        assert done.code == 1
        assert "needs torch and transformers, which are not installed" in done.err
        assert "pip install torch transformers" in done.err
        assert "Traceback" not in done.err
