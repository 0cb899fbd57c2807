"""Tagging of texts: offsets, lines, and texts that were split before."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.errors import InvalidInput
from models.tasks.tagging.config import HmmTaggerConfig
from models.tasks.tagging.hmm.estimation import estimate_hmm
from models.tasks.tagging.predict import TaggedText, tag_texts
from models.tasks.tagging.tagger import Tagger
from models.tasks.tagging.texts import TaggedTexts
from models.tasks.text import TaskText
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

TOKENIZER = Tokenizer(TokenizerConfig(lowercase=True), ["<unk>", "</s>", "new", "york", "in", "."])


def names_tagger() -> Tagger:
    """Make a tagger that knows New York as a place."""
    texts = [TaskText.of_forms(TOKENIZER, ("New", "York")), TaskText.of_forms(TOKENIZER, ("in", "New", "York", "."))]
    tags = [("B-place", "I-place"), ("O", "B-place", "I-place", "O")]
    names = ["B-place", "I-place", "O"]
    return estimate_hmm(HmmTaggerConfig(2), names, TaggedTexts(texts, tags), TOKENIZER.vocabulary_size)


def tag(*texts: str | Sequence[str]) -> list[TaggedText]:
    return run_to_completion(tag_texts(names_tagger(), TOKENIZER, texts))


def test_tag_texts_gives_offsets_of_tokens_and_spans_in_the_raw_text() -> None:
    text = "in  NEW York."
    (result,) = tag(text)
    assert [(token.text, token.tag) for token in result.tokens] == [
        ("in", "O"),
        ("NEW", "B-place"),
        ("York", "I-place"),
        (".", "O"),
    ]
    assert all(text[token.begin : token.end] == token.text for token in result.tokens)
    (span,) = result.spans
    assert (span.type, span.text, span.begin, span.end) == ("place", "NEW York", 4, 12)
    assert (span.begin_token, span.end_token) == (1, 3)
    assert span.probability == pytest.approx(1)
    assert result.probabilities.shape == (4, 3)
    assert result.tokens[0].probability == result.probabilities[0, 2]


def test_tag_texts_tags_each_line_as_a_sentence_and_no_newline() -> None:
    text = "\nin New York.\n\nNew York"
    (result,) = tag(text)
    assert [token.text for token in result.tokens] == ["in", "New", "York", ".", "New", "York"]
    assert [span.begin_token for span in result.spans] == [1, 4]
    assert all(text[span.begin : span.end] == "New York" for span in result.spans)
    alone = tag("in New York.", "New York")
    assert (result.probabilities == np.concatenate([part.probabilities for part in alone])).all()


def test_tag_texts_takes_texts_that_were_split_before() -> None:
    names, blanks = tag(["in", "New", "York", "."], ["D. C.", "in"])
    assert names.text == "in New York ."
    assert [(span.text, span.begin, span.end) for span in names.spans] == [("New York", 3, 11)]
    assert blanks.text == "D. C. in"
    assert [(token.text, token.begin, token.end) for token in blanks.tokens] == [("D. C.", 0, 5), ("in", 6, 8)]


@pytest.mark.parametrize("text", ["", " \n ", []])
def test_tag_texts_of_an_empty_text_gives_no_tags(text: str | list[str]) -> None:
    result, other = tag(text, "New York")
    assert (result.tokens, result.spans, result.probabilities.shape) == ((), (), (0, 3))
    assert len(other.tokens) == 2


def test_tag_texts_takes_special_tokens_that_are_typed_for_text() -> None:
    (result,) = tag("in </s> <unk> York")
    assert "".join(token.text for token in result.tokens) == "in</s><unk>York"


def test_tag_texts_refuses_an_empty_token() -> None:
    with pytest.raises(InvalidInput, match="tokens"):
        tag(["in", ""])


def test_tag_texts_yields_the_tokens_of_each_chunk() -> None:
    model = names_tagger()
    model.chunk_tokens = 4
    assert list(tag_texts(model, TOKENIZER, ["in in", "New York", "in New York ."])) == [4, 4]


def test_tag_texts_pauses_between_long_texts_while_it_tokenizes_and_describes() -> None:
    line = "in New York . " * 2000  # 28,000 characters
    steps = list(tag_texts(names_tagger(), TOKENIZER, [line, "in", line.split()]))
    assert [step for step in steps if step] == [1, 8000, 8000]
    first = next(i for i, step in enumerate(steps) if step)
    assert steps[:first] == [0, 0]
    assert steps[-3:] == [8000, 0, 0]
    between = steps[first + 1 : -3]
    assert len(between) > 2  # within a long line, too
