"""A model comes from the hub once, and from the local cache ever after."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.encoder.load import load_encoder
from tests.checkpoints import tiny_dual
from tests.servers.model_hub import COMMIT, running_hub

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[3]
REPOSITORY = "somebody/tiny-dual"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good checkpoint, which nobody changes."""
    return tiny_dual(tmp_path_factory.mktemp("checkpoint") / "model")


LOAD = """
import sys, time
connections = []
sys.addaudithook(lambda event, args: event == "socket.connect" and connections.append(args[1]))
from core.encoder.load import load_encoder
from core.domain.errors import ModelUnavailable
start = time.monotonic()
try:
    encoder = load_encoder(sys.argv[1], device="cpu", threads=1)
except ModelUnavailable as error:
    print(error.message, error.remedy, sep="\\n")
else:
    print(encoder.identity.fingerprint, encoder.encode_texts(["a red dog"]).shape)
print(f"{time.monotonic() - start:.1f} s, {len(connections)} connections")
"""


def load_elsewhere(model: str, home: Path, endpoint: str) -> list[str]:
    """The lines that a fresh process prints on loading ``model``: nothing is left in memory."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint}
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "TRANSFORMERS_OFFLINE"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOAD, model],
        cwd=ROOT,
        env={**environment, "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout.splitlines()


def test_a_model_is_downloaded_once_and_then_works_offline(original: Path, tmp_path: Path) -> None:
    """The second start touches no network; the first fetches only what is needed."""
    served = shutil.copytree(original, tmp_path / "served")
    (served / "pytorch_model.bin").write_bytes(b"not wanted beside safetensors")
    (served / "flax_model.msgpack").write_bytes(b"never wanted")
    with running_hub({REPOSITORY: served}) as hub:
        first = load_elsewhere(REPOSITORY, tmp_path / "home", hub.url)
        endpoint = hub.url
    fetched = {line.split("/")[-1] for line in hub.requests if line.startswith("GET somebody/")}
    assert fetched == {path.name for path in original.iterdir()}
    expected = load_encoder(str(original), device="cpu").identity.fingerprint
    assert first[0] == f"{expected} (1, 40)"
    # Nobody listens at the endpoint any more.
    second = load_elsewhere(REPOSITORY, tmp_path / "home", endpoint)
    assert second[0] == first[0]
    assert second[1].endswith(" 0 connections")


def test_an_unreachable_hub_is_told_in_two_lines(tmp_path: Path) -> None:
    """What happened, and the two ways out; at once, not after minutes."""
    with running_hub({}) as hub:
        endpoint = hub.url
    lines = load_elsewhere("openai/clip-vit-base-patch32", tmp_path, endpoint)
    assert len(lines) == 3
    assert lines[0].startswith("The model openai/clip-vit-base-patch32 is not in the local cache")
    assert "TANGERINE_MODEL=mini" in lines[1]
    assert "local folder" in lines[1]
    assert float(lines[2].split()[0]) < 20


def test_a_model_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """A typing error is not called a network failure."""
    with running_hub({}) as hub:
        lines = load_elsewhere("somebody/typo", tmp_path, hub.url)
    assert lines[0] == "There is no model somebody/typo on the hub, nor a folder of that name."


def test_a_cache_filled_by_others_is_used_and_half_of_one_is_not(
    original: Path, tmp_path: Path
) -> None:
    """The hub's own layout of folders is enough; a snapshot without weights is fetched again."""
    repository = tmp_path / "models--somebody--tiny-dual"
    snapshot = repository / "snapshots" / COMMIT
    (repository / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for number, path in enumerate(sorted(original.iterdir())):
        blob = repository / "blobs" / str(number)
        shutil.copy(path, blob)
        (snapshot / path.name).symlink_to(blob)
    for name in (REPOSITORY, f"{REPOSITORY}@main", f"{REPOSITORY}@{COMMIT}"):
        encoder = load_encoder(name, cache_dir=tmp_path, device="cpu")
        assert encoder.identity.name == name
    (snapshot / "model.safetensors").unlink()
    with running_hub({}) as hub:
        endpoint = hub.url
    home = tmp_path / "home"
    shutil.move(repository, home / "hub" / repository.name)
    assert "is not in the local cache" in load_elsewhere(REPOSITORY, home, endpoint)[0]
