"""What deploy/cluster tells compose and nginx agrees with what the program is."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from bot.web.adapter import WebOptions
from config.settings import SHORT_NAMES, load
from index.library.bucket import Bucket
from tests.proxy import nginx
from tests.web.parts import Parts, serving

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "deploy" / "cluster"
_COMPOSE: dict[str, Any] = yaml.safe_load((_FOLDER / "compose.yaml").read_text(encoding="utf-8"))
_OURS = [
    name for name, service in _COMPOSE["services"].items() if service["image"].startswith("tang")
]

pytestmark = pytest.mark.usefixtures("empty_environment")


def test_every_service_has_what_it_names() -> None:
    """Secrets, volumes and what is waited for exist; nothing has needless rights."""
    services = _COMPOSE["services"]
    assert _OURS == ["bot-1", "bot-2", "worker", "encoder-1", "encoder-2"]
    for name, service in services.items():
        assert service["mem_limit"], name
        assert set(service.get("secrets", ())) <= set(_COMPOSE["secrets"]), name
        assert set(service.get("depends_on", ())) <= set(services), name
        if name not in _OURS:
            assert re.search(r":\d[\w.]*$", service["image"]), "a version that nobody moves"
        for mount in service["volumes"]:
            source = re.sub(r"^\$\{.*?\}", "/", mount).split(":")[0]
            if source.startswith("."):
                assert (_FOLDER / source).exists(), mount
            elif not source.startswith("/"):
                assert source in _COMPOSE["volumes"], mount
    for name in _OURS:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"].split(":")[0] != "0"
    for secret in _COMPOSE["secrets"].values():
        folder = (_FOLDER / secret["file"]).resolve().parent.relative_to(_ROOT)
        assert f"/{folder}/" in (_ROOT / ".gitignore").read_text().split()


@pytest.mark.parametrize("name", _OURS)
def test_every_variable_is_a_setting(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each service loads them, with what the image sets besides."""
    service = _COMPOSE["services"][name]
    dockerfile = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
    for variable, value in re.findall(r"\b(TANGERINE_\w+)=(\S+)", dockerfile):
        monkeypatch.setenv(variable, value)
    for variable, value in service["environment"].items():
        if variable.endswith("_FILE"):
            assert variable.removesuffix("_FILE") in {*SHORT_NAMES, "AWS_SECRET_ACCESS_KEY"}
            secret = Path(value).name
            assert secret in service["secrets"]
            url = "postgresql://tangerine:0123@postgres/tangerine"
            (tmp_path / secret).write_text(url if "url" in secret else "0123456789abcdef")
            monkeypatch.setenv(variable, str(tmp_path / secret))
        else:
            monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))
    settings = load()
    node = not name.startswith("encoder")
    assert (settings.database_url is not None) is node
    assert bool(settings.encoder.urls) is node
    assert (settings.files_url is not None) is node
    if node:
        host, _, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").partition(":")
        assert f":{port}/" in _COMPOSE["services"][host]["healthcheck"]["test"][1]
        Bucket(settings.files_url or "")
    assert settings.encoder.token is not None
    assert settings.web.enabled is name.startswith("bot")
    assert (settings.discord.token is not None) is name.startswith("bot")
    for address in settings.encoder.urls:
        host, _, port = address.get_secret_value().removeprefix("http://").partition(":")
        assert _COMPOSE["services"][host]["environment"]["TANGERINE_WEB_PORT"] == port


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
async def test_the_proxy_asks_the_next_bot(tmp_path: Path) -> None:
    """Whichever of two bots is gone, every question has its answer."""
    token = "0123456789abcdef"
    parts, options = Parts(tmp_path), WebOptions(port=0, token=token)
    headers = {"Authorization": f"Bearer {token}"}

    async def ask(client: aiohttp.ClientSession) -> int:
        async with client.get("http://pictures.example.org/api/find?q=red") as response:
            return response.status

    async with serving(parts, options) as first, serving(parts, options) as second:
        ports = [int(each.url.rsplit(":", 1)[1].strip("/")) for each in (first, second)]
        async with nginx(tmp_path, ports) as address:
            connector = aiohttp.UnixConnector(address)
            async with aiohttp.ClientSession(connector=connector, headers=headers) as client:
                assert {await ask(client) for _ in range(6)} == {200}
                await second.stop()
                assert {await ask(client) for _ in range(6)} == {200}
