"""Analysis of a text for studies of reading: surprisal, entropy and rank of each word, line or span.

A token of a sub-word or character model brings the blank before its word along, so that the product of a word's tokens
is P(blank, word | before), which leaves open where the word ends: over all words it does not sum to one. Here the blank
counts for the word that it ends: the product is multiplied by P(a word begins | the word) and divided by P(a word
begins | before) (Oh and Schuler 2024, Leading Whitespaces of Language Models' Subword Vocabulary). Word
probabilities then sum to one, and over a text the corrections cancel.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.evaluation.surprisal.distributions import Distributions, read_distributions
from models.evaluation.surprisal.units import CharacterSpan, PlacedTokens, Unit, UnitKind
from models.inference.prefill import Runtime, prefill
from models.language_model import LanguageModel
from models.special_tokens import EOS
from models.tokenization.raw_text import clean, source_offsets
from models.tokenization.tokenized_text import TokensWithOffsets
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import BoolArray, Float64Array


@dataclass(frozen=True)
class TextAnalysis:
    """Units of a text, and what the model expected in the place of each token [T].

    tokens: ids and places of the tokens.
    oov: [T] whether the vocabulary lacks the token.
    shown: [T] the tokens as they are shown.
    distributions: figures of the tokens, in bits.
    units: words, lines or spans of the text.
    begins_line: whether the first token begins a line, so that no blank is expected before it.
    """

    tokens: PlacedTokens
    oov: BoolArray
    shown: Sequence[str]
    distributions: Distributions
    units: Sequence[Unit]
    begins_line: bool

    def surprisal(self, unit: Unit) -> float:
        """Return -log2 P(unit | all before it), inf for a probability of zero."""
        plain = float(self.distributions.surprisals[unit.begin : unit.end].sum())
        return plain if np.isinf(plain) else plain + self._boundary_surprisal(unit)

    def _boundary_surprisal(self, unit: Unit) -> float:
        """Return the bits of a word's end after the unit, less those before it."""
        boundaries, tokens = self.distributions.boundaries, self.tokens
        if boundaries is None:
            return 0.0
        after, before = 0.0, 0.0
        is_last = unit.end == len(tokens.ids)
        if tokens.ids[unit.end - 1] != EOS and (is_last or tokens.begins_word[unit.end]):
            after = float(boundaries[unit.end])
        begins_line = tokens.ids[unit.begin - 1] == EOS if unit.begin else self.begins_line
        if not begins_line and tokens.begins_word[unit.begin]:
            before = float(boundaries[unit.begin])
        return after - before

    def window_perplexity(self, unit: Unit, window: int) -> float:
        """Return the perplexity of the last `window` tokens up to the end of a unit; inf beyond all numbers."""
        begin = max(0, unit.end - window)
        bits, zeros = (sums[unit.end] - sums[begin] for sums in self._sums)
        with np.errstate(over="ignore"):
            return float("inf") if zeros else float(np.exp2(bits / (unit.end - begin)))

    @cached_property
    def _sums(self) -> tuple[Float64Array, Float64Array]:
        """Bits of the first t tokens [T + 1], and how many of these have a probability of zero."""
        bits = np.concatenate([[0.0], self.distributions.surprisals])
        zeros = np.isinf(bits)
        return np.where(zeros, 0, bits).cumsum(), zeros.astype(np.float64).cumsum()


def analyze_text(
    model: LanguageModel,
    tokenizer: Tokenizer,
    text: str,
    *,
    context: str = "",
    bos: bool = True,
    eos: bool = True,
    unit: UnitKind = "word",
    spans: Sequence[CharacterSpan] | None = None,
    runtime: Runtime | None = None,
) -> Generator[int, None, TextAnalysis]:
    """Analyze a text after `context`, which is read alone; yields the number of tokens of each step.

    `bos`, `eos`: as `score_texts` has them. `spans`: parts of the text to tell of instead of each `unit`. Raises
    InvalidInput for spans that are not made of whole tokens, InvalidText for text that is not Unicode.
    """
    before = tokenizer.encode_batch([context]).ids
    boundary_tokens = tokenizer.boundary_tokens
    tokens = _encode(tokenizer, text, eos=eos)
    ids = np.array(tokens.ids, np.int64)
    placed = PlacedTokens.place(text, ids, tokens.offsets, boundary_tokens)
    units = placed.list_units(unit) if spans is None else placed.find_units(spans)
    state = yield from prefill(model, before, np.array([len(before)]), runtime, bos=bos)
    distributions = yield from read_distributions(model, state, ids, boundary_tokens)
    begins_line = bool(before[-1] == EOS) if len(before) else bos
    shown = tokenizer.names.of_text(tokens.ids, tokens.oov, tokens.surface_forms)
    return TextAnalysis(placed, np.array(tokens.oov, np.bool_), shown, distributions, units, begins_line)


def _encode(tokenizer: Tokenizer, text: str, *, eos: bool) -> TokensWithOffsets:
    """Return the tokens of a text with offsets in the text as it was given; with `eos`, `</s>` at its end."""
    ids, oov, forms, offsets = tokenizer.encode_with_offsets(clean(text))
    sources = source_offsets(text)
    if sources is not None:
        offsets = sources[offsets]
    if not eos:
        return TokensWithOffsets(ids, oov, forms, offsets)
    end = np.full((1, 2), len(text), np.int64)
    return TokensWithOffsets(
        [*ids, EOS], [*oov, False], [*forms, tokenizer.names.boundary], np.concatenate([offsets, end])
    )
