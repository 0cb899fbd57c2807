"""Counts of the n-grams that texts end in, as an n-gram model was published with them.

`counts_of` finds the counts of a model; `text_ngram` and `token_ngram` make the n-gram that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import CountsNotKept, UnsupportedByModel
from models.inference.prediction.predictions import ContextTokens
from models.model import Model
from models.ngram.count_table import CountTable
from models.ngram.model import NgramModel
from models.special_tokens import EOS, UNK
from models.tokenization.tokenizer import Tokenizer


def counts_of(model: Model) -> CountTable:
    """Return the counts that a model was published with.

    Raises UnsupportedByModel for a model of another family than n-grams, CountsNotKept for one without its counts, and
    CheckpointDamaged where they were altered.
    """
    if not isinstance(model, NgramModel):
        raise UnsupportedByModel("model", f"must be an n-gram model: a {model.kind} model is not made of counts")
    if model.counts is None:
        raise CountsNotKept(
            "the model was published without the counts that it was made of; train it with "
            '`nextword train --keep-counts`, or by a job with `"keep_counts": true`'
        )
    return model.counts


def text_ngram(tokenizer: Tokenizer, text: str, *, bos: bool = False, eos: bool = False) -> ContextTokens:
    """Return the tokens of a text, with the boundary before it (`bos`) and after it (`eos`)."""
    ids, oov, surface_forms = tokenizer.encode_with_surfaces(text)
    before, after, boundary = [EOS] * bos, [EOS] * eos, tokenizer.names.boundary
    return ContextTokens(
        [boundary] * bos + list(surface_forms) + [boundary] * eos,
        before + list(ids) + after,
        [False] * bos + list(oov) + [False] * eos,
    )


def token_ngram(tokenizer: Tokenizer, tokens: Sequence[str]) -> ContextTokens:
    """Return tokens of the vocabulary, as they are shown, with their ids; `<unk>` for those that it lacks."""
    if tokenizer.names.are_surfaces:
        encoding = tokenizer.encode_forms(tokens)
        return ContextTokens(list(tokens), encoding.ids.tolist(), encoding.oov.tolist())
    ids = [tokenizer.names.find(token) for token in tokens]
    return ContextTokens(list(tokens), [UNK if i is None else i for i in ids], [i is None for i in ids])
