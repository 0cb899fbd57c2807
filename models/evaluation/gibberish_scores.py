"""Figures of the gibberish check of a prompt, and the thresholds that NeMo Guardrails has for them.

Length over perplexity is large for long predictable prompts, such as role plays that are pasted in, so that any long
text reaches it. The perplexities are large for gibberish; fluent attacks pass them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIN_WORDS = 20
"""Words from which on the ends of a prompt are looked at."""
END_WORDS = MIN_WORDS - 1
"""Words of a prefix, and of a suffix, which leaves the last word out."""
WINDOW_TOKENS = 10
"""Tokens of a window where nothing else is asked for, as Jain et al. have it."""
TEXTS_SCORED = 3
"""How often a token is scored at most: in the prompt, its prefix and its suffix."""
LP_THRESHOLD = 89.79
"""Length over perplexity from which on Guardrails refuses a prompt, where its perplexity is that of GPT-2 large."""
PS_PPL_THRESHOLD = 1845.65
"""Perplexity of a prefix or suffix from which on Guardrails refuses a prompt, with the same model."""


@dataclass(frozen=True)
class GibberishScores:
    """The perplexities of a prompt: inf where a token has probability zero, NaN where nothing is scored.

    >>> scores = GibberishScores(length=120, token_count=24, oov_count=0, perplexity=60.0, prefix_perplexity=80.0,
    ...                          suffix_perplexity=900.0, window_perplexity=3000.0)
    >>> scores.length_per_perplexity, scores.prefix_suffix_perplexity
    (2.0, 900.0)
    """

    length: int
    """Characters of the prompt."""
    token_count: int
    """Tokens of the prompt, the first among them, which is not scored."""
    oov_count: int
    """Tokens that the vocabulary lacks."""
    perplexity: float
    """Perplexity of the whole prompt; NaN for fewer than two tokens."""
    prefix_perplexity: float
    """Perplexity of its first 19 words; NaN for fewer than 20 words, as that of the suffix."""
    suffix_perplexity: float
    """Perplexity of the 19 words before its last one."""
    window_perplexity: float
    """Highest perplexity of a window; of the whole prompt where that is shorter."""

    @property
    def length_per_perplexity(self) -> float:
        """Characters of the prompt over its perplexity: large for long fluent prompts."""
        return self.length / self.perplexity

    @property
    def prefix_suffix_perplexity(self) -> float:
        """Perplexity of the end of the prompt that has the higher one."""
        return float(np.fmax(self.prefix_perplexity, self.suffix_perplexity))
