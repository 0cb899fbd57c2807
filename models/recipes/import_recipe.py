"""Recipe of an imported model as data: `ImportRecipe`. Neither torch nor Numba is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from models.checkpoint.model_name import check_name
from models.errors import InvalidInput
from models.tokenization.config import TokenizerConfig


@dataclass(frozen=True)
class ImportRecipe:
    """Recipe of a model that another program estimated: its file, and how texts become its words.

    Raises InvalidInput for a value that is not accepted.

    >>> ImportRecipe("asr", Path("asr.arpa.gz")).tokenizer.pretokenized
    True
    """

    name: str
    """What the model will be published as."""
    file: Path
    """ARPA text, compressed or not; or a binary of KenLM, where that library is installed."""
    tokenizer: TokenizerConfig = field(default_factory=lambda: TokenizerConfig(pretokenized=True))
    """How texts are split into the file's words, by default at blanks alone; or, with a `file`, the tokenizer whose
    tokens they are."""
    licence: str = "unknown"
    """Licence of the text that the model was estimated from."""
    allow_unnormalized: bool = False
    """Whether a model is accepted some of whose distributions do not sum to one; its card and answers say so."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.tokenizer.kind not in ("word", "file"):
            raise InvalidInput("tokenizer.kind", "must be word or file: an imported model has the words of its file")
        if self.tokenizer.closed:
            raise InvalidInput("tokenizer.closed", "a file says itself what <unk> has: leave it out")
        if self.tokenizer.kind == "file" and self.tokenizer.file is None:
            raise InvalidInput("tokenizer.file", "must name the file of the tokenizer")
