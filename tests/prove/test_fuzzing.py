"""Schemathesis finds nothing in 100,000 cases, bounds and missing fields included.

The variable PROVE_CASES says how many, spread over all operations; those of bounds come on top.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.app.openapi import test_fuzzing
from tests.app.openapi.conftest import answers, client, document, shipped
from tests.helpers.serving import Server

__all__ = ["answers", "client", "document", "shipped"]
CASES = int(os.environ.get("PROVE_CASES", "100000"))
LONGEST_SECONDS = 4 * 3600.0
"""Time after which the run counts as hanging; on two idle cores it takes a quarter of an hour."""


@pytest.mark.clients
@pytest.mark.prove
def test_fuzzer_finds_nothing_in_a_long_run(shipped: Server, document: Any, answers: Any, tmp_path: Path) -> None:
    operations = sum(map(len, document["paths"].values()))
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(-(-CASES // operations))]
    report = test_fuzzing.fuzz(document, shipped.url, tmp_path, *phases, seconds=LONGEST_SECONDS)
    generated = re.search(r"([0-9]+) generated", report)
    assert generated
    assert int(generated[1]) >= CASES // 2  # operations without parameters have one case
