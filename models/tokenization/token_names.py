"""Names of tokens as answers show them: `TokenNames`, texts, ids, and bytes of half characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from models.special_tokens import EOS
from models.tokenization.raw_text import WHITESPACE


@dataclass(frozen=True)
class TokenNames:
    """Text, id and bytes of each token of a vocabulary, by internal id.

    texts: [V] readable text; U+FFFD stands for bytes that are no whole character.
    incomplete: bytes of the tokens that are no valid UTF-8 alone.
    public_ids: [V] ids in the file that a foreign tokenizer comes from; None where ids are our own.
    are_surfaces: whether a text is shown by its own surface forms, as words are, and not by the names of its tokens.
    """

    texts: Sequence[str]
    incomplete: Mapping[int, bytes] = field(default_factory=dict)
    public_ids: Sequence[int] | None = None
    are_surfaces: bool = True

    @classmethod
    def of_bytes(cls, spellings: Sequence[bytes], public_ids: Sequence[int] | None = None) -> TokenNames:
        """Return the names of parts of words, given the bytes that each writes.

        >>> TokenNames.of_bytes([b"<unk>", b"</s>", b" caf", bytes([0xC3])]).texts[2:]
        [' caf', '\ufffd']
        """
        texts = [spelling.decode(errors="replace") for spelling in spellings]
        incomplete = {
            i: spellings[i] for i, text in enumerate(texts) if "\ufffd" in text and not _is_utf8(spellings[i])
        }
        return cls(texts, incomplete, public_ids, are_surfaces=False)

    @property
    def boundary(self) -> str:
        """Name of the boundary token."""
        return self.texts[EOS]

    def public_id(self, token: int) -> int:
        """Return the id of a token as routes and commands tell it."""
        return token if self.public_ids is None else self.public_ids[token]

    def find(self, text: str) -> int | None:
        """Return the internal id of the token that is shown as `text`, the first of several, or None."""
        return self._ids.get(text)

    @cached_property
    def blank_led(self) -> Sequence[int]:
        """Ids, ascending, of the tokens that begin with white space, as those do that begin a word.

        >>> TokenNames([" cat", "cat", "<unk>", "\\n"]).blank_led
        [0, 3]
        """
        return [i for i, text in enumerate(self.texts) if text and text[0] in WHITESPACE]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {text: i for i, text in reversed(list(enumerate(self.texts)))}

    def of_text(self, ids: Sequence[int], oov: Sequence[bool], surface_forms: Sequence[str]) -> Sequence[str]:
        """Return how the tokens [T] of a text are shown, given their surface forms."""
        if self.are_surfaces:
            return surface_forms
        texts = self.texts
        return [form if out else texts[i] for i, out, form in zip(ids, oov, surface_forms, strict=True)]


def _is_utf8(spelling: bytes) -> bool:
    try:
        spelling.decode()
    except UnicodeDecodeError:
        return False
    return True
