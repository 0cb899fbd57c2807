"""Check of tokens by the tokenizer: whether it finds them at the end of a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from models.special_tokens import EOS, UNK
from models.tokenization.encoding import TokenModel


class EncodingChecker:
    """Checks whether the tokens of a text end in a given one.

    >>> from models.tokenization.config import TokenizerConfig
    >>> from models.tokenization.words.word_tokenizer import WordTokenizer
    >>> words = WordTokenizer(TokenizerConfig(), ["<unk>", "</s>", "do", "n't", "'"])
    >>> checker = EncodingChecker(words, parts_words=False)
    >>> checker.find_heads(b"", b"do", [b"n't", b"'"], [3, 4])
    {(2,): [3, 4]}
    """

    def __init__(self, model: TokenModel, *, parts_words: bool) -> None:
        """parts_words: whether tokens are parts of words and no token holds two, so that a blank begins one."""
        self._model = model
        self._parts_words = parts_words

    def encode_after(self, anchor: bytes, text: bytes) -> tuple[int, ...]:
        """Return the ids of `text` behind `anchor`."""
        return _known(self._encode(anchor + text)[len(self._encode(anchor)) :])

    def find_heads(
        self, anchor: bytes, head: bytes, texts: Sequence[bytes], tokens: Sequence[int], *, skipped: bool = False
    ) -> dict[tuple[int, ...], list[int]]:
        """Return which of `tokens` [M] end the encoding of `head` and their texts, by the ids before.

        texts: [M] what each token writes.
        skipped: whether a token that is not looked at comes after each.
        """
        heads: dict[tuple[int, ...], list[int]] = {}
        certain, near, text = self._part_certain(anchor, head)
        last = -2 if skipped else -1
        for token, ids in zip(tokens, self._encode_all([text + end for end in texts]), strict=True):
            if ids and len(ids) >= -last and ids[last] == token and ids[: len(near)] == near:
                heads.setdefault(_known(ids[len(near) : last]), []).append(token)
        return {_known(certain) + head: ends for head, ends in heads.items()}

    def _part_certain(self, anchor: bytes, head: bytes) -> tuple[list[int], list[int], bytes]:
        """Return the ids of the certain part of `head`, and ids and text of what the rest is checked behind.

        Each token is checked behind the last word alone and, where a tokenizer needs it, the word before.
        """
        whole, before = anchor + head, self._encode(anchor)
        end = _last_blanks(whole) if self._parts_words else 0
        if end <= len(anchor):
            return [], before, whole
        start = end if self._model.splits_words_alike else _last_blanks(whole[:end])
        return self._encode(whole[:end])[len(before) :], self._encode(whole[start:end]), whole[start:]

    def _encode(self, text: bytes) -> list[int]:
        """Return the ids of a text; none where it ends inside a character that no token begins."""
        return (self._model.encode_bytes(text) or []) if text else []

    def _encode_all(self, texts: Sequence[bytes]) -> Iterator[list[int] | None]:
        """Return the ids of each text: those of one line are encoded together, as lines of one text."""
        lines = [_one_line(text) for text in texts]
        ids = self._model.encode("\n".join(lines)).tolist()
        ends = [t for t, i in enumerate(ids) if i == EOS]
        if not self._model.config.has_lines or len(ends) != len(texts) - 1:
            return map(self._model.encode_bytes, texts)
        rows = zip(lines, texts, [0, *(t + 1 for t in ends)], [*ends, len(ids)], strict=True)
        return (ids[begin:end] if line else self._model.encode_bytes(text) for line, text, begin, end in rows)


def _last_blanks(text: bytes) -> int:
    """Return where the last run of blanks begins, 0 where there is none."""
    return len(text[: text.rfind(b" ") + 1].rstrip(b" "))


def _known(ids: Sequence[int]) -> tuple[int, ...]:
    """Return ids with that of `<unk>` in the place of MISSING."""
    return tuple(max(i, UNK) for i in ids)


def _one_line(text: bytes) -> str:
    """Return a text that is a line of whole characters; else an empty one."""
    try:
        return "" if b"\n" in text else text.decode()
    except UnicodeDecodeError:
        return ""
