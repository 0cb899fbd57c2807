"""The filter of texts: the figures and decisions of a selection, in any process."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from models.errors import CheckpointNotFound, InvalidInput
from models.selection.config import SelectionConfig
from models.selection.measures import LanguageModelMeasure
from models.utils.progress import run_to_completion
from nextword.filters.text_filter import JudgedText, TextFilter
from tests.helpers.serving import WORDS, naive_bayes, ngram, publish

TEXTS = ["the cat saw a bird .", "zebra zebra zebra", ""]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filters")
    publish(root, "words", ngram())
    publish(root, "sorter", naive_bayes())
    return root


def test_text_filter_judges_as_a_selection_does(checkpoints: Path) -> None:
    figures = run_to_completion(LanguageModelMeasure(ngram(), WORDS, SelectionConfig()).measure(TEXTS))
    keep = TextFilter("words", checkpoints=checkpoints, config={"max": 3.0})
    first, second, third = keep.judge(TEXTS)
    assert first == JudgedText({name: column[0] for name, column in figures.columns.items()}, is_kept=True)
    assert (second.is_kept, second.reason) == (False, "max")
    assert third == JudgedText({"error": "must hold something to score"}, is_kept=False, reason="error")


def test_text_filter_without_a_rule_keeps_all_and_names_buckets(checkpoints: Path) -> None:
    scored = TextFilter("words", checkpoints=checkpoints).judge(TEXTS)
    assert [text.is_kept for text in scored] == [True] * 3
    parts = TextFilter("words", checkpoints=checkpoints, config={"cutoffs": {"*": (3.0, 4.0)}}).judge(TEXTS)
    assert [text.scores.get("bucket") for text in parts] == ["head", "tail", None]


def test_text_filter_can_be_sent_to_another_process(checkpoints: Path) -> None:
    keep = TextFilter("sorter", routes={"dog": "words"}, checkpoints=checkpoints, config={"max": 9.0})
    judged = keep.judge(TEXTS)
    sent = pickle.dumps(keep)
    assert len(sent) < 1000
    assert pickle.loads(sent).judge(TEXTS) == judged


def test_text_filter_refuses_what_it_cannot_do(checkpoints: Path) -> None:
    with pytest.raises(InvalidInput, match="lowest: needs the figures of all texts"):
        TextFilter("words", config={"lowest": 30})
    with pytest.raises(CheckpointNotFound):
        TextFilter("nobody", checkpoints=checkpoints).judge(TEXTS)


def test_text_filter_tells_the_names_of_its_scores(checkpoints: Path) -> None:
    figures = ("perplexity", "bits_per_byte", "token_count", "oov_count")
    assert TextFilter("words", checkpoints=checkpoints).score_names == (*figures, "error")
    assert TextFilter("words", checkpoints=checkpoints, config={"max": 3.0}).score_names == figures
    routed = {"routes": {"dog": "words"}, "config": {"cutoffs": {"*": (3.0, 4.0)}}}
    names = TextFilter("sorter", checkpoints=checkpoints, **routed).score_names
    assert names == ("label", "probability", *figures, "bucket")


def test_text_filter_finds_an_error_in_what_is_no_text(checkpoints: Path) -> None:
    keep = TextFilter("words", checkpoints=checkpoints)
    texts = [None, TEXTS[0], 7, TEXTS[1]]
    missing = JudgedText({"error": "must be a text"}, is_kept=True, reason="error")
    first, second = keep.judge(TEXTS[:2])
    assert keep.judge_some(texts) == [missing, first, missing, second]
