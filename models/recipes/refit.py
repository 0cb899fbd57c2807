"""Counts of a whole text, after a model of its first part was measured on the rest: `add_held_out`.

The text that measures a model must be new to it. But an n-gram model that gives up a twentieth of its text for a figure
is worse than it need be, and adding the counts of that part to those of the rest costs little.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from models.data.corpus import Corpus
from models.ngram.counting.counter import NgramCounter
from models.ngram.counting.counts import Counts
from models.recipes.recipe import Recipe
from models.special_tokens import SPECIAL_TOKENS
from models.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class WholeText:
    """The counts of a text all of whose parts were read, and their tokenizer."""

    tokenizer: Tokenizer
    counts: Counts
    sizes: dict[str, int]
    """Of the text: `token_count`, `oov_count`, `lines`, `characters`, and the `vocabulary_size`."""


def add_held_out(
    recipe: Recipe,
    tokenizer: Tokenizer,
    counts: Counts,
    sizes: dict[str, int],
    held_out: Corpus,
    counter: NgramCounter,
) -> WholeText:
    """Add a held-out part to the counts and sizes of the rest of the text.

    A vocabulary of words or characters that came of the text gets the new tokens of that part, behind the others: but
    for the order of ids it is that of the whole text, and so is the model. New tokens with fewer than `min_count`
    occurrences, or beyond `max_size`, stay unknown.
    """
    is_own = recipe.extends is None and recipe.tokenizer.kind in ("word", "character") and not recipe.tokenizer.file
    tokenizer = extend_vocabulary(tokenizer, held_out) if is_own else tokenizer
    encoded = held_out.encode(tokenizer, counter.scratch)
    encoded = encoded.reversed() if recipe.reversed else encoded
    vocabulary_size = tokenizer.vocabulary_size
    more = counter.count(encoded.ids, len(counts.levels), vocabulary_size)
    whole = counter.add(counts.with_vocabulary_size(vocabulary_size), more)
    total = {name: sizes[name] + size for name, size in encoded.sizes.items()}
    return WholeText(tokenizer, whole, total | {"vocabulary_size": vocabulary_size})


def extend_vocabulary(tokenizer: Tokenizer, text: Corpus) -> Tokenizer:
    """Return a tokenizer that knows the new tokens of `text` as well; the known ones keep their ids."""
    unknown: Counter[str] = Counter()
    for chunk in text.chunks():
        unknown.update(tokenizer.unknown_forms(chunk, tokenizer.encode(chunk)))
    config = tokenizer.config
    new = [form for form, count in unknown.items() if count >= config.min_count and form not in SPECIAL_TOKENS]
    new.sort(key=lambda form: (-unknown[form], form))
    return Tokenizer(config, [*tokenizer.vocabulary, *new][: config.max_size]) if new else tokenizer
