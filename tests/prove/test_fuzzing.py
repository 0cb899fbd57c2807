"""Schemathesis finds nothing in thousands of cases, bounds and missing fields included."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.app.openapi import test_fuzzing
from tests.app.openapi.conftest import answers, client, document, shipped
from tests.helpers.serving import Server

__all__ = ["answers", "client", "document", "shipped"]


@pytest.mark.clients
@pytest.mark.prove
def test_fuzzer_finds_nothing_in_a_long_run(shipped: Server, document: Any, answers: Any, tmp_path: Path) -> None:
    if subprocess.run([test_fuzzing.PYTHON, "-c", "import schemathesis"], capture_output=True).returncode:
        pytest.skip(f"schemathesis is not installed for {test_fuzzing.PYTHON}: see NEXTWORD_SCHEMATHESIS_PYTHON")
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", "30"]
    test_fuzzing.fuzz(document, shipped.url, tmp_path, *phases)
