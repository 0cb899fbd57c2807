"""Parsers of bytes from outside: thousands of mutated inputs each, others in every run.

The variable NEXTWORD_FUZZ_EXAMPLES says how many for each parser.
"""

from __future__ import annotations

import os

import pytest

from tests.app.conftest import checkpoints, server
from tests.app.server import test_hostile_heads
from tests.helpers.serving import Server
from tests.parsers.child_process import ParserProcess
from tests.parsers.table import PARSERS
from tests.parsers.test_parsers import process, search

__all__ = ["checkpoints", "process", "server"]
EXAMPLES = int(os.environ.get("NEXTWORD_FUZZ_EXAMPLES", "3000"))


@pytest.mark.prove
@pytest.mark.parametrize("name", PARSERS)
def test_parser_refuses_thousands_of_hostile_inputs_cleanly(process: ParserProcess, name: str) -> None:
    search(process, name, EXAMPLES, is_random=True)


@pytest.mark.prove
@pytest.mark.parametrize("form", ["lines", "bytes"])
def test_server_answers_thousands_of_hostile_requests_without_failing(server: Server, form: str) -> None:
    test_hostile_heads.search(server, form, test_hostile_heads.REQUESTS, EXAMPLES)
