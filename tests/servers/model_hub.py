"""A model hub on the loopback: enough of the protocol for huggingface_hub to download from.

Serves folders as repositories, one commit each, over plain HTTP, and remembers what was asked.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""The one commit of every repository."""


class ModelHub(ThreadingHTTPServer):
    """``repositories`` maps ``owner/name`` to a folder; ``requests`` is "METHOD path" lines."""

    daemon_threads = True

    def __init__(self, repositories: Mapping[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = dict(repositories)
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """What to set HF_ENDPOINT to."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def running_hub(repositories: Mapping[str, Path]) -> Iterator[ModelHub]:
    """A hub that answers until the block is left."""
    hub = ModelHub(repositories)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelHub

    def log_message(self, *_: object) -> None:
        """Silence: the requests are in the hub's list."""

    def do_HEAD(self) -> None:  # the base class looks for this name
        self._answer(body=False)

    def do_GET(self) -> None:  # the base class looks for this name
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.server.requests.append(f"{self.command} {path}")
        for name, folder in self.server.repositories.items():
            if path.startswith(f"api/models/{name}"):
                rest = path.removeprefix(f"api/models/{name}").strip("/")
                self._listing(name, folder, tree=rest.startswith("tree"))
                return
            if path.startswith(f"{name}/resolve/"):
                file = folder / path.split("/resolve/")[1].partition("/")[2]
                if file.is_file():
                    self._file(file, body=body)
                    return
        self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body=body)

    def _listing(self, name: str, folder: Path, *, tree: bool) -> None:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        answer: object
        if tree:
            answer = [
                {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": _etag(path)}
                for path in files
            ]
        else:
            siblings = [{"rfilename": path.name} for path in files]
            answer = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _file(self, path: Path, *, body: bool) -> None:
        content = path.read_bytes()
        self._send(200, content, {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": COMMIT}, body=body)

    def _send(
        self, status: int, content: bytes, headers: Mapping[str, str], *, body: bool = True
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


def _etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()
