"""Parsers of bytes from outside: whatever comes, a valid result or a clean error.

No crash, no end of memory, no hang, no code that is run, no file changed that is none of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.parsers.child_process import ParserProcess
from tests.parsers.mutations import mutations
from tests.parsers.table import PARSERS


class Input(bytes):
    """Bytes of which a report shows the beginning."""

    def __repr__(self) -> str:
        return f"{bytes(self[:1000])!r}{'...' if len(self) > 1000 else ''}"


SHORT_EXAMPLES = 10
LONG = {"forged card", *(f"forged weights of {name}" for name in ("lstm", "gru", "fill-in", "reader", "tagger"))}
"""Parsers that are left to the long proof: each makes models, or loads those that have siblings."""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParserProcess]:
    started = ParserProcess(tmp_path_factory.mktemp("parsers"))
    yield started
    started.stop()


@pytest.mark.parametrize("name", [name for name in PARSERS if name not in LONG])
def test_parser_refuses_hostile_bytes_cleanly(process: ParserProcess, name: str) -> None:
    search(process, name, SHORT_EXAMPLES, is_random=False)


def search(process: ParserProcess, name: str, examples: int, *, is_random: bool) -> None:
    """Search for an input of a parser that ends in anything but a result or a clean error."""
    strategy = mutations(PARSERS[name].form, process.samples(name)).map(Input)

    @settings(
        max_examples=examples,
        derandomize=not is_random,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if is_random else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(data: Input) -> None:
        answer = process.parse(name, data)
        assert answer["outcome"] in ("valid", "refused"), f"{answer['outcome']}: {answer['detail']}"
        assert not answer["events"], answer["events"]

    check()
