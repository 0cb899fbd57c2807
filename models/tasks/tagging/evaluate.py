"""Figures of a tagger on tagged sentences."""

from __future__ import annotations

from collections.abc import Container, Generator, Sequence
from typing import Any

from models.data.labelled.examples import TaggedSentence
from models.evaluation.spans import tagging_figures
from models.tasks.tagging.predict import tag_texts
from models.tasks.tagging.tagger import Tagger
from models.tasks.tagging.texts import check_counts
from models.tokenization.tokenizer import Tokenizer


def evaluate_tagger(
    tagger: Tagger, tokenizer: Tokenizer, examples: Sequence[TaggedSentence], seen: Container[str] | None = None
) -> Generator[int, None, dict[str, Any]]:
    """Return figures of a tagger, JSON-ready; yields numbers of tokens.

    `accuracy_unseen` counts the words that are not in `seen`: the words of training, or if it is None the vocabulary. A
    tag that the tagger does not have is never right. Raises InvalidInput where tokens and tags are not as many.
    """
    check_counts("files", examples)
    tagged = yield from tag_texts(tagger, tokenizer, [example.tokens for example in examples])
    if seen is None:
        unseen = [tokenizer.encode_forms(example.tokens).oov.tolist() for example in examples]
    else:
        unseen = [[token not in seen for token in example.tokens] for example in examples]
    gold, predicted = [example.tags for example in examples], [[token.tag for token in text.tokens] for text in tagged]
    return tagging_figures(gold, predicted, unseen)
