"""Recipes as data: `Recipe` for a model of texts, `Composition` for a model of published models.

They load neither torch nor Numba, so that commands and HTTP can check a recipe without the libraries that compute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from models.checkpoint.model_name import check_name
from models.composite.config import CacheConfig, MixtureConfig, NeuralCacheConfig
from models.data.encoding_names import UTF_8, check_encoding
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.metrics import Unit
from models.neural.config import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import MIN_MEMORY_BYTES, NgramConfig
from models.tasks.fill_in.config import LanguageModelPairConfig
from models.tokenization.config import TokenizerConfig


@dataclass(frozen=True)
class Recipe:
    """Recipe of a model of texts: all that decides the model; equal recipes and texts give equal models.

    Raises InvalidInput for a value, or two together, that are not accepted.

    >>> recipe = Recipe("tiny", (Path("text.txt"),), RecurrentConfig("gru", layers=1))
    >>> recipe.training.optimiser
    'adamw'
    >>> Recipe("tiny", (Path("text.txt"),), validation_fraction=1.5)
    Traceback (most recent call last):
    models.errors.InvalidInput: validation_fraction: a number from 0 up to but not including 1 is accepted
    """

    name: str
    """What the model will be published as."""
    files: tuple[Path, ...]
    """The training text, read in order as one."""
    model: NgramConfig | RecurrentConfig = field(default_factory=NgramConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    training: TrainingConfig | None = None
    """How a recurrent model is trained, the defaults where nothing is said; an n-gram model has none."""
    validation: Path | None = None
    """A text of its own to measure on."""
    validation_fraction: float = 0.05
    """Without `validation`: the share of the training text, its end, that is held out to measure on. 0 holds out
    nothing and measures nothing, and a recurrent model then keeps its last weights rather than its best."""
    refit: bool = True
    """Whether an n-gram model that was measured on held-out text is then estimated from the whole text, that part
    included, and so published. The figures stay those of the model of the first part alone."""
    empty_lines: EmptyLines = "keep"
    """Whether an empty line is a line: to `keep` or to `drop`, in training and in measuring."""
    encoding: str = UTF_8
    """How the characters of the text are written: utf-8, latin-1, cp1252, utf-16-le, or another encoding of Python. A
    byte order mark of UTF-16 wins."""
    reversed: bool = False
    """Whether the text is read from right to left, for the second member of a language_model_pair; such a model answers
    no requests of its own."""
    licence: str = "unknown"
    """Licence of the training text."""
    extends: Path | None = None
    """An n-gram model published with its counts: the text is read with its vocabulary and added to those counts."""
    keep_counts: bool = False
    """Whether an n-gram model's counts are published beside it, so that it can be extended and merged."""
    memory: int | None = None
    """How much memory making an n-gram model may take, all in all; what does not fit is worked on in files. The model
    is the same. Too little is refused, with the amount that is needed. Without it, as much as it needs."""

    @property
    def is_refitted(self) -> bool:
        """Whether the model is estimated a second time, from the whole text."""
        takes_from_text = self.validation is None and self.validation_fraction > 0
        return self.refit and takes_from_text and isinstance(self.model, NgramConfig)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_encoding(self.encoding)
        if not 0 <= self.validation_fraction < 1:
            raise InvalidInput("validation_fraction", "a number from 0 up to but not including 1 is accepted")
        if self.memory is not None and self.memory < MIN_MEMORY_BYTES:
            raise InvalidInput("memory", f"must be {MIN_MEMORY_BYTES >> 20} MiB or more")
        self._check_tokenizer()
        if self.extends is not None and self.tokenizer != TokenizerConfig():
            raise InvalidInput("tokenizer", "is that of the model that is extended: leave it out")
        if self.extends is not None and self.reversed:
            raise InvalidInput("reversed", "a model that is extended goes on reading from left to right: leave it out")
        if isinstance(self.model, RecurrentConfig):
            self._check_no_counts()
            object.__setattr__(self, "training", self.training or TrainingConfig())
        elif self.training is not None:
            raise InvalidInput("training", "an n-gram model is counted, not trained: leave it out")

    def _check_tokenizer(self) -> None:
        """Raise InvalidInput for settings of the tokenizer that do not go with the model."""
        if self.tokenizer.kind == "file" and self.tokenizer.file is None:
            raise InvalidInput("tokenizer.file", "must name the file of the tokenizer")
        if self.tokenizer.closed and not isinstance(self.model, NgramConfig):
            raise InvalidInput("tokenizer.closed", "is for n-gram models: a network gives every token a chance")

    def _check_no_counts(self) -> None:
        """Raise InvalidInput for a field that only n-gram models have."""
        for name in ("extends", "keep_counts", "memory"):
            if getattr(self, name):
                raise InvalidInput(name, "a recurrent model is trained, not counted: leave it out")


CompositeConfig: TypeAlias = MixtureConfig | CacheConfig | NeuralCacheConfig | LanguageModelPairConfig

COMPOSITE_CONFIGS: dict[str, type[CompositeConfig]] = {
    "mixture": MixtureConfig,
    "cache": CacheConfig,
    "neural_cache": NeuralCacheConfig,
    "language_model_pair": LanguageModelPairConfig,
}
"""Configurations of models that are made of others, by kind."""


@dataclass(frozen=True)
class Composition:
    """Recipe of a composite: its name, members and configuration, and the text its weights are fitted to."""

    name: str
    """What the model will be published as."""
    members: tuple[str, ...]
    """The published models that it is made of, as `name@version`, or `name` for the newest."""
    model: CompositeConfig = field(default_factory=MixtureConfig)
    validation: Path | None = None
    """A held-out text: to fit a mixture's weights to, where none are given, and to measure on."""
    unit: Unit = "document"
    """How the text is read when weights are fitted: `document`, as one, or `lines`, each on its own."""
    empty_lines: EmptyLines = "keep"
    """Whether an empty line is a line: to `keep` or to `drop`."""
    encoding: str = UTF_8
    """How the characters of the text are written: utf-8, latin-1, cp1252, utf-16-le, or another encoding of Python. A
    byte order mark of UTF-16 wins."""

    def __post_init__(self) -> None:
        check_name(self.name)
        check_encoding(self.encoding)

    def check(self) -> None:
        """Raise InvalidInput where one field needs what another does not give."""
        member_count = len(self.model.weights) if isinstance(self.model, MixtureConfig) else 1
        if isinstance(self.model, LanguageModelPairConfig):
            member_count = 2
        if member_count and len(self.members) != member_count:
            raise InvalidInput("members", f"must be {member_count}, not {len(self.members)}")
        if not self.members:
            raise InvalidInput("members", "must name at least one published model")
        if not member_count and self.validation is None:
            raise InvalidInput("validation", "must be a text to fit the weights to, unless they are given")
