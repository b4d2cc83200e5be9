"""Run inside the image: start the program, ask it, stop it; one JSON object says what was seen."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

from release_parts import answered, free_port

# Where a process without rights, on a read-only file system, must not be able to write.
_NOT_HERE = ("/app/x", "/etc/x", "/gallery/x", "/x")


def main() -> None:
    """Print user, files that could be written, seconds, pictures, network and exit code."""
    port, token = free_port(), secrets.token_urlsafe()
    environment = os.environ | {"TANGERINE_WEB_PORT": str(port), "TANGERINE_WEB_TOKEN": token}
    with subprocess.Popen(["tangerine", "run"], env=environment, stdout=sys.stderr) as program:
        try:
            seconds, pictures = answered(
                f"http://127.0.0.1:{port}", alive=lambda: program.poll() is None, token=token
            )
        finally:
            program.send_signal(signal.SIGTERM)
        code = program.wait(timeout=30)
    print(
        json.dumps(
            {
                "user": os.getuid(),
                "written": [name for name in _NOT_HERE if _can_write(name)],
                "seconds": seconds,
                "pictures": pictures,
                "network": any(name != "lo" for _, name in socket.if_nameindex()),
                "code": code,
            }
        )
    )


def _can_write(name: str) -> bool:
    try:
        Path(name).touch()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
