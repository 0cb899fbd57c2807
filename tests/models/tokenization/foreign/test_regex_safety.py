"""Patterns of tokenizers: those of published ones pass, those that may take for ever do not."""

import pytest

from models.errors import InvalidInput
from models.tokenization.foreign.regex_safety import check_patterns, repeats_a_repetition

PUBLISHED = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",  # GPT-2
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"(?:^|[a-z])([0-9]+)(?=\s|$)",
    r"\(+[)+*]*\)",  # escaped brackets, and brackets in a class, are no groups
]
TAKING_FOR_EVER = ["(a+)+", "(a*)*b", "((a|b)+c?)*", "(?:x+y?){2,}", "(?:[a-z]+)*!", "(a{2,})+", "((a+))+"]


@pytest.mark.parametrize("pattern", PUBLISHED)
def test_repeats_a_repetition_passes_patterns_of_published_tokenizers(pattern: str) -> None:
    assert not repeats_a_repetition(pattern)


@pytest.mark.parametrize("pattern", TAKING_FOR_EVER)
def test_repeats_a_repetition_finds_groups_that_repeat_repetitions(pattern: str) -> None:
    assert repeats_a_repetition(pattern)
    with pytest.raises(InvalidInput, match="repeats a repetition"):
        check_patterns({"pre_tokenizer": {"pretokenizers": [{"pattern": {"Regex": pattern}}]}})


def test_check_patterns_refuses_a_pattern_without_end() -> None:
    with pytest.raises(InvalidInput, match="at most 10,000 characters"):
        check_patterns([{"Regex": "a" * 10_001}])
