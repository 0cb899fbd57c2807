"""Schemathesis finds nothing in thousands of cases, bounds and missing fields included."""

from __future__ import annotations

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
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", "30"]
    test_fuzzing.fuzz(document, shipped.url, tmp_path, *phases)
