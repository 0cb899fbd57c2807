"""Figures of typing on texts whose keystrokes are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import InvalidInput
from models.evaluation.typing_figures import TypedWordPlace, TypingFigures, find_words, measure_typing, take_words
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.toy import Bigram

WORDS = ["<unk>", "</s>", "to", "tea", "ten", "toe", "tin", "two", "ant", "and"]
TOKENIZER = Tokenizer(TokenizerConfig(), WORDS)


def model_of(order: list[str]) -> Bigram:
    """Return a model of words that are the likelier the earlier they stand in `order`, whatever the context."""
    weights = np.full(len(WORDS), 1e-6)
    for place, word in enumerate(order):
        weights[WORDS.index(word)] = 2.0**-place
    return Bigram(np.tile(weights / weights.sum(), (len(WORDS) + 1, 1)))


def test_measure_typing_counts_hits_and_keystrokes() -> None:
    model = model_of(["to", "tea", "ten", "toe", "tin", "two", "ant", "and"])
    # Shown at first: to, tea, ten, toe, tin. tea: rank 2, one key for four characters. two: after t the same five are
    # shown, after tw it is: three keys for four. zoo: unknown, typed out with its blank. ant, at the end of its line:
    # after an a, two keys for three.
    figures = run_to_completion(measure_typing(model, TOKENIZER, ["tea two zoo ant"], 100))
    assert figures == TypingFigures(4, (0, 1, 1), 4 + 4 + 4 + 3, 1 + 3 + 4 + 2)
    assert figures.figures() == {
        "typed_words": 4,
        "hits_at_1": 0.0,
        "hits_at_3": 0.25,
        "hits_at_5": 0.25,
        "keystrokes_saved": pytest.approx(1 - 10 / 15),
        "suggestions": 5,
    }


def test_measure_typing_never_counts_more_keystrokes_than_characters() -> None:
    # to is shown for its o alone, where typing it takes no more.
    model = model_of(["tea", "ten", "toe", "tin", "two", "to"])
    figures = run_to_completion(measure_typing(model, TOKENIZER, ["to"], 1))
    assert figures == TypingFigures(1, (0, 0, 0), 2, 2)


def test_measure_typing_stops_after_as_many_words_as_it_is_given() -> None:
    model = model_of(["to"])
    figures = run_to_completion(measure_typing(model, TOKENIZER, ["to to", "to to"], 3))
    assert (figures.words, figures.hits) == (3, (3, 3, 3))


@pytest.mark.parametrize("lines", [[], ["", ""], ["   "]])
def test_measure_typing_refuses_a_text_without_words(lines: list[str]) -> None:
    with pytest.raises(InvalidInput, match="typing: needs a text with at least one word"):
        run_to_completion(measure_typing(model_of(["to"]), TOKENIZER, lines, 3))


def test_find_words_gives_tokens_of_words_and_what_stands_before_them() -> None:
    places = list(find_words(TOKENIZER, ["to tea.", "ten"]))
    assert places == [
        TypedWordPlace("", "to", True),
        TypedWordPlace("to ", "tea", False),
        TypedWordPlace("to tea", ".", False),
        TypedWordPlace("", "ten", False),
    ]


def test_find_words_parts_other_texts_at_blanks() -> None:
    letters = Tokenizer(TokenizerConfig(kind="character"), ["<unk>", "</s>", "t", "o", " "])
    assert list(find_words(letters, ["to  to.", "ot"])) == [
        TypedWordPlace("", "to", True),
        TypedWordPlace("to  ", "to.", False),
        TypedWordPlace("to  to.\n", "ot", False),
    ]
    figures = run_to_completion(measure_typing(Bigram.random(5), letters, ["to to"], 2))
    assert figures.words == 2


def test_take_words_returns_lines_enough_and_leaves_the_text_whole() -> None:
    chunks = ["to t", "ea\nten to", "e\nand\n", "ant\n"]
    lines, text = take_words(chunks, 2)
    assert lines[:1] == ["to tea"]
    assert "".join(text) == "".join(chunks)
