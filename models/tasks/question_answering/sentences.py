"""Sentences of a context, as ranges of its tokens."""

from __future__ import annotations

from models.special_tokens import EOS
from models.tasks.question_answering.texts import QuestionText

_ENDS = frozenset(".!?") | {"...", "?!", "!?"}
"""Tokens after which a sentence ends; the end of a line ends one as well."""


def sentence_ranges(text: QuestionText) -> list[tuple[int, int]]:
    """Return the first token of each sentence and the one after its last; line ends belong to none.

    >>> from models.tokenization.config import TokenizerConfig
    >>> from models.tokenization.tokenizer import Tokenizer
    >>> tokenizer = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "."])
    >>> sentence_ranges(QuestionText.of(tokenizer, "Mary sat. John\\nleft.", "Who?"))
    [(0, 3), (3, 4), (5, 7)]
    """
    ranges, begin = [], 0
    for i, (token, form) in enumerate(zip(text.context.ids.tolist(), text.context.forms, strict=True)):
        if token == EOS:
            ranges.append((begin, i))
            begin = i + 1
        elif form in _ENDS:
            ranges.append((begin, i + 1))
            begin = i + 1
    ranges.append((begin, len(text.context)))
    return [(first, end) for first, end in ranges if first < end]
