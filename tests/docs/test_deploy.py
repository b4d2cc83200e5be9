"""What the image, compose and systemd are told agrees with what the program is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.web.auth import _OPEN_PATHS
from config.settings import SHORT_NAMES, load

_ROOT = Path(__file__).parents[2]
_DOCKERFILE = re.sub(r"\\\n\s*", "", (_ROOT / "Dockerfile").read_text(encoding="utf-8"))
_LINES = [
    line.strip() for line in _DOCKERFILE.splitlines() if line.strip() and not line.startswith("#")
]
_COMPOSE: dict[str, Any] = yaml.safe_load((_ROOT / "compose.yaml").read_text(encoding="utf-8"))
_UNIT = (_ROOT / "deploy" / "tangerine.service").read_text(encoding="utf-8")


pytestmark = pytest.mark.usefixtures("empty_environment")


def _instructions(name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in _LINES if line.startswith(f"{name} ")]


def _copied() -> list[str]:
    """What is copied from the sources, not from another stage."""
    return [
        source
        for arguments in _instructions("COPY")
        if not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    ]


def _environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in _instructions("ENV") for pair in line.split())


def test_what_is_copied_is_there_and_not_ignored() -> None:
    """Every source of a COPY exists and passes .dockerignore; nothing passes unused."""
    rules = (_ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert {source for source in _copied() if not (_ROOT / source).exists()} == set()
    assert set(_copied()) == allowed


def test_every_package_is_in_the_image_as_a_package() -> None:
    """Installed before the sources are there, so each needs its __init__.py at that time."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = project["tool"]["setuptools"]["packages"]["find"]["include"]
    packages = {pattern.removesuffix("*") for pattern in found}
    touched = set(re.findall(r"(\S+)/__init__\.py", _DOCKERFILE))
    assert touched == packages
    assert packages <= set(_copied())
    rooms = {path.parent for package in packages for path in (_ROOT / package).rglob("*.py")}
    assert {room for room in rooms if not (room / "__init__.py").is_file()} == set()


def test_the_image_installs_what_make_installs() -> None:
    """The same locked packages, each by the hash of its file, and torch of the same version."""
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    run, stamp = (line for line in _instructions("RUN") if " pip install " in line)
    assert "LOCKED := --require-hashes --no-deps\n" in makefile
    assert "$(LOCKED) -r requirements.lock\n" in makefile
    assert "--require-hashes --no-deps -r requirements.lock" in run
    for installed in (makefile, run):
        assert "-c constraints.txt" in installed
    assert run.endswith("${PIP_ARGS} -e .")
    assert {"cpu)", "cuda)"} <= set(run.split())
    # Another version must not install everything anew.
    assert "VERSION" not in run
    assert {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TANGERINE=${VERSION}", "--no-deps"} <= set(
        stamp.split()
    )


def test_the_image_runs_as_nobody_and_tells_how_it_is() -> None:
    """A user without rights, one volume, and a health check on an open path."""
    [user] = _instructions("USER")
    assert user.split(":")[0].isdigit()
    assert f"--uid {user.split(':')[0]} " in _DOCKERFILE
    assert _instructions("VOLUME") == [_environment()["TANGERINE_DATA_DIR"]]
    [check] = _instructions("HEALTHCHECK")
    assert "/readyz" in check
    assert "/readyz" in _OPEN_PATHS
    # The sources change most often, so they come behind everything that takes long.
    last = [line for line in _LINES if line.startswith(("RUN apt", "COPY"))]
    assert [line.split()[1] for line in last[-4:]] == ["config", "core", "index", "bot"]


def test_the_images_settings_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """They load once the token is there that an open address wants."""
    for name, value in _environment().items():
        if name.startswith("TANGERINE_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("TANGERINE_WEB_TOKEN", "0123456789abcdef")
    settings = load()
    assert settings.model == "mini"
    assert str(settings.web.port) in _instructions("EXPOSE")
    assert Path(_environment()["HF_HOME"]).is_relative_to(settings.data_dir)


def test_compose_mounts_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets, volumes and files exist, and every variable is a setting."""
    services = _COMPOSE["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["mem_limit"], name
        assert set(service.get("secrets", ())) <= set(_COMPOSE["secrets"]), name
        for mount in service["volumes"]:
            source = re.sub(r"^\$\{.*?\}", "/", mount).split(":")[0]
            if source.startswith("."):
                assert (_ROOT / source).exists(), mount
            elif not source.startswith("/"):
                assert source in _COMPOSE["volumes"], mount
    tangerine = services["tangerine"]
    assert tangerine["user"].split(":")[0] == _instructions("USER")[0].split(":")[0]
    assert int(tangerine["stop_grace_period"].rstrip("s")) > 20
    for name, value in tangerine["environment"].items():
        if name.endswith("_FILE"):
            assert name.removesuffix("_FILE") in SHORT_NAMES
            secret = Path(value).name
            assert secret in tangerine["secrets"]
            (tmp_path / secret).write_text("0123456789abcdef")
            monkeypatch.setenv(name, str(tmp_path / secret))
        else:
            monkeypatch.setenv(name, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))
    settings = load()
    assert settings.discord.token
    assert settings.telegram.token
    assert settings.web.token
    for name, secret in _COMPOSE["secrets"].items():
        path = secret["file"].removeprefix("./")
        assert Path(path).name == name
        # A token must get neither into a commit nor into an image.
        assert any(
            fnmatch(f"/{path}", rule.rstrip("/") + "*")
            for rule in (_ROOT / ".gitignore").read_text().split()
        )


def test_prometheus_asks_where_the_service_listens() -> None:
    """Name, port and token are those of compose.yaml."""
    config = yaml.safe_load((_ROOT / "deploy/prometheus/prometheus.yml").read_text())
    [job] = config["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    name, _, port = target.partition(":")
    assert name in _COMPOSE["services"]
    assert port == _environment()["TANGERINE_WEB_PORT"]
    secret = Path(job["authorization"]["credentials_file"]).name
    assert secret in _COMPOSE["services"]["prometheus"]["secrets"]
    for file in config["rule_files"]:
        assert (_ROOT / "deploy/prometheus" / file).is_file()
    provider = yaml.safe_load(
        (_ROOT / "deploy/grafana/provisioning/dashboards/tangerine.yml").read_text()
    )
    path = provider["providers"][0]["options"]["path"]
    assert any(f":{path}:" in mount for mount in _COMPOSE["services"]["grafana"]["volumes"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="Prometheus' promtool is not installed")
def test_prometheus_understands_every_question(tmp_path: Path) -> None:
    """Its configuration, the alerts, and what each panel of the dashboard asks."""
    folder = tmp_path / "prometheus"
    shutil.copytree(_ROOT / "deploy" / "prometheus", folder)
    config = (folder / "prometheus.yml").read_text(encoding="utf-8")
    # It reads the secret that compose mounts.
    (tmp_path / "token").write_text("0123456789abcdef")
    token = str(tmp_path / "token")
    (folder / "prometheus.yml").write_text(config.replace("/run/secrets/web_token", token))
    board = json.loads((_ROOT / "deploy/grafana/dashboards/tangerine.json").read_text())
    rules = [
        {
            "record": f"panel:{panel['id']}:{number}",
            "expr": target["expr"].replace("$__rate_interval", "1m"),
        }
        for panel in board["panels"]
        for number, target in enumerate(panel["targets"])
    ]
    (folder / "board.yml").write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    for check in (("config", "prometheus.yml"), ("rules", "board.yml")):
        done = subprocess.run(
            ["promtool", "check", *check], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "SUCCESS" in done.stdout + done.stderr


def test_the_service_gives_time_to_stop() -> None:
    """Longer than the program takes at most, and the watchdog longer than it is told."""
    seconds = {
        name: int(value) for name, value in re.findall(r"^(\w+Sec)=(\d+)s$", _UNIT, re.MULTILINE)
    }
    assert seconds["TimeoutStopSec"] > 20
    assert seconds["WatchdogSec"] >= 30
    assert "Type=notify" in _UNIT


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.process
def test_systemd_understands_the_service(tmp_path: Path) -> None:
    """Every line is known, and little of the machine is exposed."""
    program = re.search(r"^ExecStart=(\S+)", _UNIT, re.MULTILINE)
    assert program is not None
    unit = tmp_path / "tangerine.service"
    # It refuses programs that are not there.
    unit.write_text(_UNIT.replace(program[1], shutil.which("true") or "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:]
