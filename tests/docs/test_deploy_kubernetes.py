"""What deploy/cluster/kubernetes tells a cluster agrees with what the program is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.web.auth import _OPEN_PATHS
from config.settings import SHORT_NAMES, load

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "deploy" / "cluster" / "kubernetes"
_TEXT = (_FOLDER / "tangerine.yaml").read_text(encoding="utf-8")
_OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(_TEXT))
_SETS = {each["metadata"]["name"]: each for each in _OBJECTS if each["kind"] == "StatefulSet"}
_GIVEN = dict(re.findall(r"--from-file=((\w+))", _TEXT))

pytestmark = pytest.mark.usefixtures("empty_environment")


def _of(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each["spec"] for each in _OBJECTS if each["kind"] == kind}


def _pod(name: str) -> dict[str, Any]:
    pod: dict[str, Any] = _SETS[name]["spec"]["template"]["spec"]
    return pod


def _container(name: str) -> dict[str, Any]:
    [container] = _pod(name)["containers"]
    return dict(container)


def test_each_object_is_there_once_and_finds_the_others() -> None:
    """By names and labels: services, budgets against disruption, and what keeps pods apart."""
    names = [(each["kind"], each["metadata"]["name"]) for each in _OBJECTS]
    assert len(names) == len(set(names))
    assert list(_SETS) == ["bot", "worker", "encoder"]
    for name, each in _SETS.items():
        spec, labels = each["spec"], each["spec"]["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"] == labels == {"app": name}
        assert _of("Service")[spec["serviceName"]]["selector"] == labels
    several = {name for name, each in _SETS.items() if each["spec"]["replicas"] > 1}
    budgets = _of("PodDisruptionBudget")
    assert set(budgets) == several
    for name in several:
        assert budgets[name]["selector"]["matchLabels"] == {"app": name}
        [apart] = _pod(name)["affinity"]["podAntiAffinity"].popitem()[1]
        assert apart["podAffinityTerm"]["labelSelector"]["matchLabels"] == {"app": name}


def test_the_image_has_a_version() -> None:
    """One that the kustomization names, and no tag that somebody moves."""
    kustomization = yaml.safe_load((_FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    assert kustomization["resources"] == ["tangerine.yaml"]
    [image] = kustomization["images"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", image["newTag"])
    assert {_container(name)["image"] for name in _SETS} == {image["name"]}


@pytest.mark.parametrize("name", _SETS)
def test_a_pod_has_no_needless_rights_and_time_to_stop(name: str) -> None:
    """It is nobody, writes into its volumes alone, and has bounds; what it mounts is there."""
    pod, container = _pod(name), _container(name)
    dockerfile = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
    user = pod["securityContext"]["runAsUser"]
    assert f"USER {user}:{pod['securityContext']['runAsGroup']}" in dockerfile
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["terminationGracePeriodSeconds"] > 20
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"]["cpu"]
    assert container["resources"]["limits"]["memory"]
    volumes = {each["name"] for each in pod["volumes"]}
    volumes |= {each["metadata"]["name"] for each in _SETS[name]["spec"]["volumeClaimTemplates"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes
    if name == "worker":
        assert "ports" not in container
        return
    [port] = container["ports"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["port"] == port["name"]
        assert asked["path"] in _OPEN_PATHS
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


@pytest.mark.parametrize("name", _SETS)
def test_every_variable_is_a_setting(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pod loads them, with what the image sets besides and the files of the secret."""
    dockerfile = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
    given = dict(re.findall(r"\b(TANGERINE_\w+)=(\S+)", dockerfile))
    container = _container(name)
    for source in container.get("envFrom", ()):
        [data] = [
            each["data"]
            for each in _OBJECTS
            if (each["kind"], each["metadata"]) == ("ConfigMap", source["configMapRef"])
        ]
        given |= data
    given |= {each["name"]: each["value"] for each in container["env"]}
    [secrets] = [each["secret"] for each in _pod(name)["volumes"] if "secret" in each]
    mounted = {each["key"] for each in secrets.get("items", ())} or set(_GIVEN)
    assert mounted <= set(_GIVEN)
    for variable, value in given.items():
        if not variable.endswith("_FILE"):
            monkeypatch.setenv(variable, value)
            continue
        folder, secret = value.rsplit("/", 1)
        assert folder == "/secrets"
        assert secret in mounted
        assert variable.removesuffix("_FILE") in {
            *SHORT_NAMES,
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        }
        url = "postgresql://tangerine:0123@postgres/tangerine"
        (tmp_path / secret).write_text(url if "url" in secret else "0123456789abcdef")
        monkeypatch.setenv(variable, str(tmp_path / secret))
    settings = load()
    node = name != "encoder"
    assert (settings.database_url is not None) is node
    assert (settings.files_url is not None) is node
    assert settings.encoder.token is not None
    assert settings.web.enabled is (name == "bot")
    hosts = [
        each.get_secret_value().removeprefix("http://").split(":") for each in settings.encoder.urls
    ]
    replicas = _SETS["encoder"]["spec"]["replicas"] if node else 0
    [port] = _container("encoder")["ports"]
    assert hosts == [
        [f"encoder-{number}.encoder", str(port["containerPort"])] for number in range(replicas)
    ]
