"""Replacements of foreign files: those that multiply are refused, and those of published tokenizers are not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig
from models.tokenization.foreign.replacement_safety import check_replacements
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import hugging_face_file


def step(pattern: str, content: str, kind: str = "String") -> dict[str, Any]:
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


@pytest.mark.parametrize(
    "steps",
    [
        [step("a", "aa")] * 10,  # 2^10 = 1,024
        [step("a", "bb"), step("b", "aa")] * 5,
        [step("a", "ba"), step("ab", "aaaa")] * 10,  # the second finds what stands across two of the first
        [step("", "abcdefghij")] * 3,  # 11^3 = 1,331
        [step(".", "abcdefghij", "Regex")] * 3,
        [step("a", "b" * 1001)],
        [*[step("a", "aa")] * 9, step("a", ""), step("", "b")],  # an empty pattern is found in any text
    ],
)
def test_check_refuses_steps_that_multiply(steps: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidInput, match="write more than 1,000 characters for one"):
        check_replacements({"normalizer": {"type": "Sequence", "normalizers": steps}})


@pytest.mark.parametrize(
    "steps",
    [
        [step(letter, letter.upper() * 3) for letter in "abcdefghijklmnop"],  # none finds what another has written
        [step(" ", "\u2581"), step("\u2581", " ")] * 20,
        [step("``", '"'), step("''", '"')],
        [step("a", "aa")] * 9,
    ],
)
def test_check_passes_steps_that_do_not(steps: list[dict[str, Any]]) -> None:
    check_replacements({"normalizer": {"type": "Sequence", "normalizers": steps}, "decoder": None})


def test_check_takes_no_time_over_many_long_steps() -> None:
    steps = [step(f"a{i}", "bcdefgh" * 200) for i in range(2000)]  # compared in pairs: minutes
    began = time.process_time()
    with pytest.raises(InvalidInput):
        check_replacements({"normalizer": {"type": "Sequence", "normalizers": [*steps, step("b", "b" * 1001)]}})
    assert time.process_time() - began < 20


def test_tokenizer_of_a_file_that_writes_a_terabyte_is_refused(tmp_path: Path) -> None:
    path = hugging_face_file(tmp_path / "tokenizer.json", "words")
    document = json.loads(path.read_text())
    document["normalizer"] = {"type": "Sequence", "normalizers": [step("a", "aa")] * 40}
    path.write_text(json.dumps(document))
    with pytest.raises(InvalidInput, match="normalizer"):
        Tokenizer.train(TokenizerConfig(kind="file", file=str(path)), ())
