"""Files that describe the deployment, checked by their own tools where those are installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.core.settings import Settings
from app.server.server import CLOSE_SECONDS
from benchmarks.scale._replicas import find_haproxy

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "observability"
KUBERNETES = sorted((ROOT / "deploy/k8s").glob("*.yaml"))


def run(tool: str, *arguments: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    run("hadolint", "Dockerfile")


@pytest.mark.parametrize("profile", ["", "observability"])
def test_docker_compose_of_before_reads_the_composition(profile: str) -> None:
    run("docker-compose", "--profile", profile, "config", "--quiet")


def test_docker_compose_of_before_reads_the_replicas() -> None:
    run("docker-compose", "-f", "deploy/compose.replicas.yaml", "config", "--quiet")


def test_haproxy_accepts_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        monkeypatch.setenv(f"NEXTWORD_SERVER_{number}", f"127.0.0.1:800{number}")
    monkeypatch.setenv("NEXTWORD_BIND", "127.0.0.1:8000")
    run(find_haproxy() or "haproxy", "-c", "-f", "deploy/haproxy.cfg")


def test_kubectl_builds_the_objects() -> None:
    run("kubectl", "kustomize", "deploy/k8s")


@pytest.mark.parametrize("tool", [["kubeconform", "-strict"], ["kubernetes-validate", "--strict"]], ids=lambda t: t[0])
def test_schemas_of_kubernetes_accept_the_objects(tool: list[str]) -> None:
    run(*tool, *(str(path) for path in KUBERNETES if path.name != "kustomization.yaml"))


def objects() -> dict[str, Any]:
    """The objects for Kubernetes by kind and name."""
    found = [document for path in KUBERNETES for document in yaml.safe_load_all(path.read_text())]
    return {f"{each['kind']}/{each.get('metadata', {}).get('name')}": each for each in found}


def test_objects_of_kubernetes_fit_together() -> None:
    found = objects()
    listed = {path.name for path in KUBERNETES} - {"kustomization.yaml"}
    assert set(found["Kustomization/None"]["resources"]) == listed
    server, budget = found["Deployment/nextword-server"]["spec"], found["PodDisruptionBudget/nextword-server"]["spec"]
    pod = server["template"]
    labels = pod["metadata"]["labels"]
    assert labels == server["selector"]["matchLabels"] == budget["selector"]["matchLabels"]
    assert labels == found["Service/nextword"]["spec"]["selector"]
    (container,) = pod["spec"]["containers"]
    assert found["Service/nextword"]["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    claims = {volume["persistentVolumeClaim"]["claimName"] for volume in pod["spec"]["volumes"][:2]}
    assert {f"PersistentVolumeClaim/{name}" for name in claims} <= set(found)


def test_servers_have_the_time_to_drain_and_stop() -> None:
    pod = objects()["Deployment/nextword-server"]["spec"]["template"]["spec"]
    settings = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    drain = float(settings["NEXTWORD_DRAIN_SECONDS"] or 0)
    assert drain > 3 * pod["containers"][0]["readinessProbe"]["periodSeconds"]
    assert pod["terminationGracePeriodSeconds"] > drain + Settings().stop_seconds + CLOSE_SECONDS
    service = yaml.safe_load((ROOT / "deploy/compose.replicas.yaml").read_text())["services"]["server-1"]
    drain = service["environment"]["NEXTWORD_DRAIN_SECONDS"]
    assert int(service["stop_grace_period"].rstrip("s")) > drain + Settings().stop_seconds + CLOSE_SECONDS


def test_promtool_accepts_configuration_and_alerts() -> None:
    run("promtool", "check", "config", "observability/prometheus.yml")


def test_dashboard_and_alerts_name_metrics_that_exist(client: httpx.Client) -> None:
    text = (OBSERVABILITY / "alerts.yml").read_text() + (OBSERVABILITY / "grafana/dashboards/nextword.json").read_text()
    told = client.get("/metrics").raise_for_status().text
    families = set(re.findall(r"^# TYPE (\w+)", told, re.MULTILINE))
    for name in set(re.findall(r"\bnextword_\w+", text)) - {"nextword_requests_total"}:
        assert {name, re.sub("_(bucket|count|sum)$", "", name), name.removesuffix("_total")} & families, name


def test_dashboard_shows_every_query_with_a_name() -> None:
    panels = json.loads((OBSERVABILITY / "grafana/dashboards/nextword.json").read_text())["panels"]
    assert all(target["expr"] and target["legendFormat"] for panel in panels for target in panel["targets"])
