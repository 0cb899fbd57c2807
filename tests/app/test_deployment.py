"""Files that describe the deployment, checked by their own tools where those are installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "observability"


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
