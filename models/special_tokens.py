"""The module `models.special_tokens`."""

from __future__ import annotations

UNK = 0
"""Id of `<unk>`, an ordinary token."""


EOS = 1
"""Id of `</s>`, the one boundary: context at the start of a text, predicted at its end."""


UNK_TOKEN = "<unk>"


EOS_TOKEN = "</s>"


SPECIAL_TOKENS = [UNK_TOKEN, EOS_TOKEN]
"""The tokens that every vocabulary begins with, by id."""
