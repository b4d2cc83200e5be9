"""Write the lock files anew: exact versions with the hashes of their files (``make lock``).

``requirements.lock`` is what the program needs, ``requirements-dev.lock`` that and all that its
tests, benchmarks and releases need. Versions are those of ``constraints.txt``; what that file
does not name is taken as it is newest, and belongs into it. torch is left out, with the
libraries of NVIDIA that its builds for GPUs bring along: everybody chooses the build that fits
their machine, and each index serves another file for the same version.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {
    "requirements.lock": ("cluster", "s3", "video", "words"),
    "requirements-dev.lock": (
        *("dev", "otel", "release", "openvino", "cluster", "s3", "video", "words"),
    ),
}
_OPTIONS = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate")
_LEFT_OUT = re.compile(r"(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)\b")
_ALONE = "open-clip-torch"
"""Its vocabulary is what tests want; what it depends on (torchvision) is not."""
_HEAD = "# Written by scripts/lock.py (make lock). Versions: constraints.txt.\n"


def compiled(*arguments: str, given: str | None = None) -> str:
    """What uv resolves, one requirement with its hashes after the other."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", *_OPTIONS]
    done = subprocess.run(
        [*command, "--constraints", "constraints.txt", *arguments],
        input=given,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def kept(text: str) -> str:
    """The requirements of a lock file without those that belong to torch."""
    blocks = re.findall(r"^\S.*(?:\n +.*)*\n", text, re.MULTILINE)
    return "".join(block for block in blocks if not _LEFT_OUT.match(block))


def main() -> None:
    """Write both files."""
    for name, extras in LOCKS.items():
        chosen = [part for extra in extras for part in ("--extra", extra)]
        text = kept(compiled("pyproject.toml", *chosen))
        if extras:
            text += compiled("--no-deps", "-", given=f"{_ALONE}\n")
        (ROOT / name).write_text(_HEAD + text, encoding="utf-8")


if __name__ == "__main__":
    main()
