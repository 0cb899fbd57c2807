"""Words, lines and spans of a text, and the tokens of each."""

import numpy as np
import pytest
from hypothesis import given

from models.errors import InvalidInput
from models.evaluation.surprisal.analysis import analyze_text
from models.evaluation.surprisal.units import CharacterSpan
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.tokenizers import TEXT, texts, train
from tests.helpers.toy import Bigram

TOKENIZERS = {
    "word": train(),
    "character": train(kind="character"),
    "lines": train(kind="character", texts="lines"),
    "bpe": train(kind="bpe", max_size=270),
}


def units_of(tokenizer: Tokenizer, text: str, **options: object) -> list[str]:
    analysis = run_to_completion(analyze_text(Bigram.random(tokenizer.vocabulary_size), tokenizer, text, **options))
    return [text[begin:end] for _, _, (begin, end) in analysis.units]


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_units_are_what_stands_between_white_space(kind: str) -> None:
    assert units_of(TOKENIZERS[kind], " the cat.  sat", eos=False) == ["the", "cat.", "sat"]


@pytest.mark.parametrize("kind", ["word", "lines", "bpe"])
def test_units_hold_ends_of_lines_apart_from_words(kind: str) -> None:
    assert units_of(TOKENIZERS[kind], "the cat\r\nsat") == ["the", "cat", "\r\n", "sat", ""]


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_units_of_kind_line_are_lines(kind: str) -> None:
    assert units_of(TOKENIZERS[kind], "the cat\nsat .", unit="line", eos=False) == ["the cat", "sat ."]


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_units_are_spans_where_these_are_given(kind: str) -> None:
    assert units_of(TOKENIZERS[kind], "the cat sat", spans=[(4, 11), (0, 4)]) == ["cat sat", "the"]


@pytest.mark.parametrize("span", [(0, 2), (1, 3), (3, 4), (2, 2), (0, 99)])
def test_spans_that_are_no_whole_tokens_are_refused(span: CharacterSpan) -> None:
    with pytest.raises(InvalidInput, match=r"whole tokens|characters of the text") as error:
        units_of(TOKENIZERS["word"], "the cat sat", spans=[(4, 7), span])
    assert error.value.field == "spans.1"


@given(texts)
def test_units_part_the_tokens_of_any_text(text: str) -> None:
    for tokenizer in TOKENIZERS.values():
        model = Bigram.random(tokenizer.vocabulary_size)
        for unit in ("word", "line"):
            analysis = run_to_completion(analyze_text(model, tokenizer, text, unit=unit))
            places = [i for begin, end, _ in analysis.units for i in range(begin, end)]
            assert places == list(range(len(analysis.tokens.ids)))
            total = np.sum([analysis.surprisal(part) for part in analysis.units])
            if analysis.distributions.boundaries is None:
                assert total == pytest.approx(analysis.distributions.surprisals.sum(), rel=1e-6)


def test_units_of_the_text_of_training_are_its_words() -> None:
    words = [word for line in TEXT.splitlines() for word in [*line.split(), "\n"]]
    for kind in ("word", "lines", "bpe"):
        assert units_of(TOKENIZERS[kind], TEXT, eos=False) == words
