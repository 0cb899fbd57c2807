"""Schemathesis finds nothing in 100,000 cases, bounds and missing fields included.

The variable PROVE_CASES says how many, spread over all operations; those of bounds come on top. What takes the time is
making them up, so several processes do, each for its own operations.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.app.openapi import test_fuzzing
from tests.app.openapi.conftest import answers, client, document, shipped
from tests.helpers.serving import Server

__all__ = ["answers", "client", "document", "shipped"]
CASES = int(os.environ.get("PROVE_CASES", "100000"))
PROCESSES = os.cpu_count() or 1
LONGEST_SECONDS = 4 * 3600.0
"""Time after which the run counts as hanging; on two idle cores it takes three quarters of an hour."""


@pytest.mark.clients
@pytest.mark.prove
def test_fuzzer_finds_nothing_in_a_long_run(shipped: Server, document: Any, answers: Any, tmp_path: Path) -> None:
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    varied = sum(bool(operation["parameters"] or "requestBody" in operation) for operation in operations)
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(-(-CASES // varied))]

    def fuzz(share: int) -> str:
        folder = tmp_path / str(share)
        folder.mkdir()
        names = [operation["operationId"] for operation in operations[share::PROCESSES]]
        chosen = [option for name in names for option in ("--include-operation-id", name)]
        return test_fuzzing.fuzz(document, shipped.url, folder, *phases, *chosen, seconds=LONGEST_SECONDS)

    with ThreadPoolExecutor(PROCESSES) as threads:
        reports = list(threads.map(fuzz, range(PROCESSES)))
    assert sum(counted(reports)) >= CASES // 2  # some operations have few cases that differ


def counted(reports: list[str]) -> Iterator[int]:
    """Cases of each report."""
    for report in reports:
        generated = re.search(r"([0-9,]+) generated", report)
        assert generated, report
        print(report[report.index("SUMMARY") :])
        yield int(generated[1].replace(",", ""))
