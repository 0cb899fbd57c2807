"""Schemathesis finds nothing in 100,000 cases, bounds and missing fields included.

The variable PROVE_CASES says how many, spread over all operations; those of bounds come on top. What takes the time is
making them up, so each operation has a process of its own, and as many run at once as there are processors.
"""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.app.openapi import test_fuzzing
from tests.app.openapi.conftest import answers, client, document, shipped
from tests.helpers.serving import Server

__all__ = ["answers", "client", "document", "shipped"]
CASES = int(os.environ.get("PROVE_CASES", "100000"))
PHASES = "examples,coverage,fuzzing"
LONGEST_SECONDS = 4 * 3600.0
"""Time after which an operation counts as hanging; all of them take three quarters of an hour on two idle cores."""


@pytest.mark.clients
@pytest.mark.prove
def test_fuzzer_finds_nothing_in_a_long_run(shipped: Server, document: Any, answers: Any, tmp_path: Path) -> None:
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    varied = sum(bool(operation["parameters"] or "requestBody" in operation) for operation in operations)
    cases = -(-CASES // varied)

    findings: list[str] = []

    def fuzz(name: str) -> int:
        folder = tmp_path / name
        folder.mkdir()
        # A finding is shrunk for minutes, in which others wait.
        options = ["--phases", PHASES, "--no-shrink", "--max-examples", str(cases), "--include-operation-id", name]
        try:
            report = test_fuzzing.fuzz(document, shipped.url, folder, *options, seconds=LONGEST_SECONDS)
        except AssertionError as finding:
            report = str(finding)
            findings.append(f"{name}: {report}")
            print(findings[-1], flush=True)
        generated = re.search(r"([0-9,]+) generated", report)
        count = int(generated[1].replace(",", "")) if generated else 0
        print(f"{time.monotonic() - begun:6.0f} s  {name}: {count} cases", flush=True)
        return count

    begun = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        counts = list(threads.map(fuzz, names))
    assert findings == []
    assert sum(counts) >= CASES // 2  # some operations have few cases that differ
