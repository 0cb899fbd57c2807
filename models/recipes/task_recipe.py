"""Recipes of task models as data: `TaskRecipe`.

Neither torch nor Numba is loaded, so that commands and HTTP can check a recipe without the libraries that compute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from models.checkpoint.model_name import check_name
from models.data.encoding_names import UTF_8, check_encoding
from models.data.labelled.config import LabelledFormat
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.neural.encoder.config import EncoderConfig
from models.recipes.task_kinds import TASK_KINDS, FileFormat, TaskConfig, TaskKind, kind_of
from models.tasks.classification.config import ClassifierConfig
from models.tasks.training.config import TaskTrainingConfig
from models.tokenization.config import TokenizerConfig


@dataclass(frozen=True)
class TaskRecipe:
    """Recipe of a model of labelled files: all that decides it; equal recipes and files give equal models.

    Raises InvalidInput for a value, or two together, that are not accepted.

    >>> recipe = TaskRecipe("moods", (Path("reviews.csv"),), training=TaskTrainingConfig(epochs=3))
    >>> recipe.kind, recipe.encoder.cell
    ('classifier', 'lstm')
    >>> TaskRecipe("moods", ())
    Traceback (most recent call last):
    models.errors.InvalidInput: files: at least one file is accepted
    """

    name: str
    """What the model will be published as."""
    files: tuple[Path, ...]
    """Files of training examples, read in order as one."""
    model: TaskConfig = field(default_factory=ClassifierConfig)
    format: FileFormat | None = None
    """Format of the files; None: the kind's, told by the files' endings."""
    encoder: EncoderConfig | None = None
    """Network of the model, the defaults where nothing is said; a baseline has none."""
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    training: TaskTrainingConfig | None = None
    """How a network is trained, the defaults where nothing is said; a baseline has none."""
    validation: Path | None = None
    """A file of its own to measure on, in the same format, and to choose a network's best weights by."""
    validation_fraction: float = 0.1
    """Without `validation`: the share of the examples that is held out to measure on, and to choose a network's best
    weights by; of plain text, its end. 0 holds out nothing."""
    split_seed: int = 1
    """Number that decides which examples are held out; each label keeps its share."""
    empty_lines: EmptyLines = "keep"
    """Whether an empty line of plain text is a line: to `keep` or to `drop`."""
    encoding: str = UTF_8
    """How the characters of plain text are written, as utf-8, latin-1 or utf-16-le; labelled files have an `encoding`
    in their `format`."""
    initialize_from: Path | None = None
    """Weights that the encoder begins with: a file of word vectors (GloVe's or word2vec's text, or .npy), or a
    published language model or model with an encoder, whose tokenizer is then used."""
    vector_words: Path | None = None
    """The words of a .npy file of vectors, one a line."""
    extra_words: int = 0
    """How many of the first words with vectors join the vocabulary, whether or not the examples have them."""
    licence: str = "unknown"
    """Licence of the training examples."""

    def __post_init__(self) -> None:
        check_name(self.name)
        check_encoding(self.encoding)
        if not self.files:
            raise InvalidInput("files", "at least one file is accepted")
        if not 0 <= self.validation_fraction < 1:
            raise InvalidInput("validation_fraction", "a number from 0 up to but not including 1 is accepted")
        for name in ("split_seed", "extra_words"):
            if getattr(self, name) < 0:
                raise InvalidInput(name, "a whole number of at least 0 is accepted")
        if self.tokenizer.closed:
            raise InvalidInput("tokenizer.closed", "is for n-gram models: a task has labels for unknown words, too")
        if self.tokenizer.file is not None or self.tokenizer.kind == "file":
            raise InvalidInput("tokenizer.file", "is for language models: begin with one that has such a tokenizer")
        self._check_format()
        if self.parts.is_network:
            object.__setattr__(self, "encoder", self.encoder or EncoderConfig())
            object.__setattr__(self, "training", self.training or TaskTrainingConfig())
        else:
            self._check_untrained()
        self._check_vectors()

    @property
    def kind(self) -> str:
        """Name of the model's kind."""
        return kind_of(self.model)

    @property
    def parts(self) -> TaskKind:
        """Parts of the recipe of this kind."""
        return TASK_KINDS[self.kind]

    def _check_format(self) -> None:
        """Fill in the kind's format, or raise InvalidInput for another one and for what does not go with it."""
        wanted = self.parts.format
        several = getattr(self.model, "multi_label", False)
        if self.format is None and wanted is not None:
            known = LabelledFormat(multi_label=several) if wanted is LabelledFormat else wanted()
            object.__setattr__(self, "format", known)
        if wanted is not None and self.encoding != UTF_8:
            raise InvalidInput("encoding", "is for plain text: labelled files have format.encoding")
        if self.format is not None and type(self.format) is not wanted:
            raise InvalidInput("format", f"must be that of the files of a {self.kind}")
        if not isinstance(self.format, LabelledFormat):
            return
        if self.format.file_labels and self.validation is not None:
            raise InvalidInput("validation", "of files with one label each, examples are held out: leave it out")
        if self.format.multi_label and not several:
            raise InvalidInput("format.multi_label", "is for a model with multi_label")

    def _check_untrained(self) -> None:
        """Raise InvalidInput for a field that only networks have."""
        for name in ("encoder", "training", "initialize_from"):
            if getattr(self, name) is not None:
                raise InvalidInput(name, f"a {self.kind} model has no network: leave it out")

    def _check_vectors(self) -> None:
        """Raise InvalidInput for settings of word vectors where there are none."""
        for name in ("vector_words", "extra_words"):
            if getattr(self, name) and self.initialize_from is None:
                raise InvalidInput(name, "goes with initialize_from: leave it out")
