"""Special tokens that begin every vocabulary: `<unk>`, the unknown, and `</s>`, the boundary."""

from __future__ import annotations

UNK = 0
"""Id of `<unk>`, an ordinary token that stands for surface forms the vocabulary lacks."""
EOS = 1
"""Id of `</s>`, the one boundary: context at the start of a text, predicted at its end."""
UNK_TOKEN = "<unk>"
EOS_TOKEN = "</s>"
SPECIAL_TOKENS = [UNK_TOKEN, EOS_TOKEN]
"""Special tokens by id."""
