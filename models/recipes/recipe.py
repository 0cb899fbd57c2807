"""The module `models.recipes.recipe`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from models.checkpoint.repository import check_name
from models.composite.cache import CacheModel
from models.composite.config import CacheConfig, MixtureConfig, NeuralCacheConfig
from models.composite.mixture import MixtureModel
from models.composite.neural_cache import NeuralCacheModel
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.evaluator import Unit
from models.neural.model import RecurrentConfig
from models.neural.training.config import TrainingConfig
from models.ngram.config import MIN_MEMORY_BYTES, NgramConfig
from models.tokenization.tokenizer import TokenizerConfig


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a model will be; equal recipes and texts give equal models.

    Raises InvalidInput for a value, or two together, that are not accepted.
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
    empty_lines: EmptyLines = "keep"
    """Whether an empty line is a line: to `keep` or to `drop`, in training and in measuring."""
    licence: str = "unknown"
    """Of the training text."""
    extends: Path | None = None
    """An n-gram model published with its counts: the text is added to what that one was made of, and read with its
    vocabulary."""
    keep_counts: bool = False
    """Whether an n-gram model's counts are published beside it, so that it can be extended and merged."""
    memory: int | None = None
    """How much memory n-grams are counted in; what does not fit is counted on disk. The model is the same, and takes
    its own memory. Without it, as much as they need."""

    def __post_init__(self) -> None:
        check_name(self.name)
        if not 0 <= self.validation_fraction < 1:
            raise InvalidInput("validation_fraction", "a number from 0 up to but not including 1 is accepted")
        if self.memory is not None and self.memory < MIN_MEMORY_BYTES:
            raise InvalidInput("memory", f"must be {MIN_MEMORY_BYTES >> 20} MiB or more")
        if self.extends is not None and self.tokenizer != TokenizerConfig():
            raise InvalidInput("tokenizer", "is that of the model that is extended: leave it out")
        if isinstance(self.model, RecurrentConfig):
            self._check_no_counts()
            object.__setattr__(self, "training", self.training or TrainingConfig())
        elif self.training is not None:
            raise InvalidInput("training", "an n-gram model is counted, not trained: leave it out")

    def _check_no_counts(self) -> None:
        given = {"extends": self.extends, "keep_counts": self.keep_counts, "memory": self.memory}
        for name, value in given.items():
            if value:
                raise InvalidInput(name, "a recurrent model is trained, not counted: leave it out")


CompositeConfig = MixtureConfig | CacheConfig | NeuralCacheConfig


COMPOSITE_CONFIGS: dict[str, type[CompositeConfig]] = {
    MixtureModel.kind: MixtureConfig,
    CacheModel.kind: CacheConfig,
    NeuralCacheModel.kind: NeuralCacheConfig,
}
"""By kind, what is to be said about a model that is made of others."""


@dataclass(frozen=True)
class Composition:
    """Everything that decides what a composite will be."""

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

    def __post_init__(self) -> None:
        check_name(self.name)

    def check(self) -> None:
        """Raise InvalidInput where one field wants what another does not give."""
        wanted = len(self.model.weights) if isinstance(self.model, MixtureConfig) else 1
        if wanted and len(self.members) != wanted:
            raise InvalidInput("members", f"must be {wanted}, not {len(self.members)}")
        if not self.members:
            raise InvalidInput("members", "must name at least one published model")
        if not wanted and self.validation is None:
            raise InvalidInput("validation", "must be a text to fit the weights to, unless they are given")
