"""What a command imports before it does anything: no more than it uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

_ROOT = Path(__file__).parents[3]
_HEAVY = (
    *("aiohttp", "discord", "faiss", "huggingface_hub", "matplotlib", "numpy", "onnxruntime"),
    *("openvino", "PIL", "psycopg", "pydantic_settings", "sqlalchemy", "telegram", "tokenizers"),
    *("torch", "transformers", "uvloop"),
)
_MODULES = {"--help": 220, "find": 340, "status": 930, "verify": 970}
"""How many modules a command may import, Python's own with them: a tenth to a third more than
when this was written. Who needs more looks at ``python -X importtime -m bot COMMAND`` first."""

_PROGRAM = """
import sys
sys.argv[0] = "tangerine"
from bot.__main__ import main
try:
    main()
except SystemExit as end:
    code = end.code
print(len(sys.modules))
print(code, *sorted(set(sys.modules) & set(sys.stdin.read().split())))
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["--version"], 0), (["find"], 2), (["moderate", "add", "--help"], 0)],
)
def test_help_and_usage_need_next_to_nothing(arguments: list[str], code: int) -> None:
    """Whoever asks how a command is called does not wait for what it does."""
    assert _imported(*arguments) == [str(code)]


@pytest.mark.parametrize("command", ["status", "verify"])
def test_what_reads_the_data_folder_needs_no_model(command: str, tmp_path: Path) -> None:
    """It reads catalogue and manifest: no model, no platform, no web library."""
    settings = {"MODEL": "mini", "DATA_DIR": str(tmp_path), "GALLERY": str(tmp_path)}
    found = _imported(command, **{f"TANGERINE_{name}": each for name, each in settings.items()})
    assert found[0] == "0"
    assert set(found[1:]) <= {"faiss", "numpy", "PIL", "pydantic_settings", "sqlalchemy"}


def _imported(*arguments: str, **environment: str) -> list[str]:
    """The exit code, and which of the heavy packages; no more modules than its budget has."""
    count, found = _run(*arguments, **environment).splitlines()[-2:]
    assert int(count) <= _MODULES.get(arguments[0], _MODULES["find"])
    return found.split()


def _run(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        input=" ".join(_HEAVY),
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=_ROOT,
    )
    return done.stdout


def test_a_shell_completes_commands() -> None:
    """What was set up by --install-completion asks the program, which answers at once."""
    done = _run(_TANGERINE_COMPLETE="complete_bash", COMP_WORDS="tangerine re", COMP_CWORD="1")
    assert done.splitlines()[0] == "reindex"
    assert done.splitlines()[-1].split() == ["0"]
    # Which shell it is, typer tells by the processes above: here, whatever runs the tests.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    assert "_tangerine_completion()" in _run("--show-completion", "bash", **named)
    assert "completion" not in _run("--help")
