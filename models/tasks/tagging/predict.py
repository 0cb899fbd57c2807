"""Tagging of texts in chunks, so that other work can run in between: `tag_texts`."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from models.errors import InvalidInput
from models.tasks.tagging.tagged_text import TaggedSpan, TaggedText, TaggedToken
from models.tasks.tagging.tagger import Tagger, Tagging
from models.tasks.text import STEP_CHARACTERS, TaskText, encode_raw_text, token_chunks
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import Int64Array


@dataclass(frozen=True)
class _Input:
    """A text as a tagger reads it: its sentences, and where their tokens stand."""

    text: str
    offsets: Int64Array
    """[T, 2] begin and end of each token in `text`."""
    sentences: list[TaskText]


def tag_texts(
    tagger: Tagger, tokenizer: Tokenizer, texts: Sequence[str | Sequence[str]]
) -> Generator[int, None, list[TaggedText]]:
    """Tag texts, raw or split into tokens before; yields the tokens of each chunk when it is done.

    Yields 0 between the parts of a long chunk, so that other work can run.

    Each line of a raw text is a sentence, and newlines have no tags; a split text is one sentence. Its offsets count in
    its tokens joined by blanks. Raises InvalidInput for an empty token.
    """
    inputs = yield from _tokenize(tokenizer, texts)
    sentences = [sentence for text in inputs for sentence in text.sentences]
    taggings: dict[int, Tagging] = {}
    for rows in token_chunks([len(sentence) for sentence in sentences], tagger.chunk_tokens):
        chunk = [sentences[row] for row in rows]
        taggings |= zip(rows.tolist(), (yield from tagger.tag_in_steps(chunk)), strict=True)
        yield sum(map(len, chunk))
    results = (taggings[i] for i in range(len(sentences)))
    tagged, pending = [], 0
    for text in inputs:
        tagged.append(_describe(text, [next(results) for _ in text.sentences], tagger.tags))
        pending += len(text.text)
        if pending > STEP_CHARACTERS:
            yield 0
            pending = 0
    return tagged


def _tokenize(tokenizer: Tokenizer, texts: Sequence[str | Sequence[str]]) -> Generator[int, None, list[_Input]]:
    """Tokenize texts; yields 0 after a long one, so that other work can run."""
    inputs, pending = [], 0
    for text in texts:
        inputs.append(_split(tokenizer, text) if isinstance(text, str) else _join(tokenizer, text))
        pending += len(inputs[-1].text)
        if pending > STEP_CHARACTERS:
            yield 0
            pending = 0
    return inputs


def _split(tokenizer: Tokenizer, text: str) -> _Input:
    """Split a raw text into lines of tokens."""
    encoded = encode_raw_text(tokenizer, text)
    ids, offsets = np.array(encoded.ids, np.int64), encoded.offsets
    is_token = np.array([text[begin] not in "\r\n" for begin in offsets[:, 0]], np.bool_)
    sentences = []
    for inside, positions in groupby(range(len(ids)), lambda i: bool(is_token[i])):
        if inside:
            line = list(positions)
            forms = tuple(text[begin:end] for begin, end in offsets[line].tolist())
            sentences.append(TaskText(ids[line], forms))
    return _Input(text, offsets[is_token], sentences)


def _join(tokenizer: Tokenizer, tokens: Sequence[str]) -> _Input:
    """Join tokens by blanks, and tell where each stands."""
    if "" in tokens:
        raise InvalidInput("tokens", f"tokens that are not empty are accepted; number {list(tokens).index('')} is")
    ends = np.cumsum([len(token) + 1 for token in tokens], dtype=np.int64) - 1
    begins = ends - np.array([len(token) for token in tokens], np.int64)
    sentences = [TaskText.of_forms(tokenizer, tokens)] if tokens else []
    return _Input(" ".join(tokens), np.stack([begins, ends], 1), sentences)


def _describe(text: _Input, taggings: list[Tagging], tags: Sequence[str]) -> TaggedText:
    """Put the tags of a text's sentences together."""
    rows = [np.zeros((0, len(tags)), np.float32), *(tagging.probabilities for tagging in taggings)]
    probabilities, path = np.concatenate(rows), [i for tagging in taggings for i in tagging.path.tolist()]
    tokens = tuple(
        TaggedToken(text.text[begin:end], begin, end, tags[i], float(row[i]))
        for (begin, end), i, row in zip(text.offsets.tolist(), path, probabilities, strict=True)
    )
    return TaggedText(text.text, tokens, tuple(_spans(text, taggings)), probabilities)


def _spans(text: _Input, taggings: list[Tagging]) -> Iterator[TaggedSpan]:
    """Yield the spans of a text's sentences, which begin at token 0, and where the sentence before ends."""
    offsets, start = text.offsets.tolist(), 0
    for tagging in taggings:
        for span, probability in tagging.spans:
            first, last = start + span.begin, start + span.end
            begin, end = offsets[first][0], offsets[last - 1][1]
            yield TaggedSpan(span.type, text.text[begin:end], begin, end, first, last, probability)
        start += len(tagging.path)
