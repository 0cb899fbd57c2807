"""Building a task's recipe: read examples, hold some out, fit a model, measure it in every precision.

`build_task` is a generator that yields progress, so that its caller can show it, and stop the work by closing it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.repository import CheckpointRef
from models.data.corpus import Corpus
from models.data.encoding_names import UTF_8
from models.data.labelled.config import QuestionFormat
from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.model import Capability, Model, Tensors
from models.recipes.build import file_digests
from models.recipes.initial_weights import ModelWeights, initial_weights
from models.recipes.task_examples import Examples, read_examples, read_split
from models.recipes.task_kinds import FileFormat, TaskConfig
from models.recipes.task_recipe import TaskRecipe
from models.tasks.classification.config import ClassifierConfig, LogisticRegressionConfig, NaiveBayesConfig
from models.tasks.classification.evaluate import evaluate_classifier
from models.tasks.classification.fit import fit_classifier
from models.tasks.fill_in.config import FillInConfig
from models.tasks.fill_in.evaluate import evaluate_fill_in
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.fill_in.fit import fit_fill_in
from models.tasks.question_answering.config import NearestSentenceConfig, ReaderConfig
from models.tasks.question_answering.evaluate import evaluate_answerer
from models.tasks.question_answering.fit import fit_answerer
from models.tasks.tagging.config import HmmTaggerConfig, TaggerConfig
from models.tasks.tagging.evaluate import evaluate_tagger
from models.tasks.tagging.fit import fit_tagger
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.options import FitOptions, FittedModel
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress, with_progress


@dataclass(frozen=True)
class Task:
    """Functions of one task: fitting a model of any of its kinds to examples, and measuring one."""

    fit: Callable[[Any, Any, Any, FitOptions], Generator[Progress, None, FittedModel]]
    evaluate: Callable[[Any, Tokenizer, Any], Generator[int, None, dict[str, Any]]]


_CLASSIFICATION = Task(fit_classifier, evaluate_classifier)
_TAGGING = Task(fit_tagger, evaluate_tagger)
_FILL_IN = Task(fit_fill_in, evaluate_fill_in)
_QUESTION_ANSWERING = Task(fit_answerer, evaluate_answerer)
_TASKS: dict[type[TaskConfig], Task] = {
    ClassifierConfig: _CLASSIFICATION,
    NaiveBayesConfig: _CLASSIFICATION,
    LogisticRegressionConfig: _CLASSIFICATION,
    TaggerConfig: _TAGGING,
    HmmTaggerConfig: _TAGGING,
    FillInConfig: _FILL_IN,
    ReaderConfig: _QUESTION_ANSWERING,
    NearestSentenceConfig: _QUESTION_ANSWERING,
}
_TASKS_BY_CAPABILITY: dict[Capability, Task] = {
    "classify": _CLASSIFICATION,
    "tag": _TAGGING,
    "answer": _QUESTION_ANSWERING,
}
"""Tasks that labelled files measure, by what their models can be asked."""


@dataclass(frozen=True)
class BuiltTask:
    """Outcome of a task's recipe, ready to be published."""

    recipe: TaskRecipe
    model: Model
    tokenizer: Tokenizer
    corpus: dict[str, FileDigest]
    """The files it was made from, by name."""
    metrics: dict[str, Any]
    """`training`: examples, steps, seconds; where examples were held out `validation`, the task's figures on them, and
    for a model that can compute in int8 `int8`, the figures of that."""
    extra_files: Mapping[str, Tensors] = field(default_factory=dict)
    """Files of tensors that are published with the model, by name: none, as yet."""

    def provenance(self, command: str) -> Provenance:
        """Return what the model's card tells of its making; `command` makes it again."""
        fields, origin = to_jsonable(asdict(self.recipe)), self.recipe.initialize_from
        fields["model"] = {"kind": self.recipe.kind, **fields["model"]}
        if origin is not None and origin.is_dir():
            fields["initialize_from"] = CheckpointRef.from_path(origin).id  # a card holds no path of this machine
        return Provenance(command, self.recipe.licence, self.corpus, fields, self.metrics)


def build_task(
    recipe: TaskRecipe, workdir: Path | None = None, *, save_seconds: float = 60.0
) -> Generator[Progress, None, BuiltTask]:
    """Build the model of `recipe`.

    A network's training saves its state in `workdir` every `save_seconds`, and continues from a state that is there.
    Raises InvalidInput (InvalidText naming the line of a file), TrainingFailed and CheckpointError.
    """
    yield Progress("reading", 0, 0)
    task = _TASKS[type(recipe.model)]
    examples, held_out = read_split(recipe)
    initial = initial_weights(recipe)
    options = FitOptions(tokenizer=recipe.tokenizer, initial=initial, workdir=workdir, save_seconds=save_seconds)
    if recipe.encoder is not None:
        training = recipe.training or TaskTrainingConfig()
        options = FitOptions(recipe.tokenizer, recipe.encoder, training, initial, workdir, save_seconds)
    fitted = yield from task.fit(recipe.model, examples, held_out, options)
    metrics = dict(fitted.metrics) | _notes(examples)
    if isinstance(initial, ModelWeights):
        metrics["training"] = metrics["training"] | {"initialized": initial.parts}
    if held_out:
        metrics |= yield from _measure(fitted, task, held_out)
    return BuiltTask(recipe, fitted.model, fitted.tokenizer, file_digests(_files(recipe)), metrics)


def evaluate_task(
    model: Model,
    tokenizer: Tokenizer,
    files: Sequence[Path],
    file_format: FileFormat | None,
    empty_lines: EmptyLines = "keep",
    encoding: str = UTF_8,
) -> Generator[Progress, None, dict[str, Any]]:
    """Measure a task's model on labelled files, or one that fills blanks on plain text, without a format.

    Raises InvalidInput for a model of another kind, InvalidText naming the line of a file.
    """
    if isinstance(model, FillInModel):
        text = Corpus.open(files, config=tokenizer.config, empty_lines=empty_lines, encoding=encoding)
        return (yield from with_progress(evaluate_fill_in(model, tokenizer, text)))
    task = next((task for name, task in _TASKS_BY_CAPABILITY.items() if name in model.capabilities), None)
    if task is None or file_format is None:
        raise InvalidInput("model", f"must be one that labelled files measure, and a {model.kind} model is not")
    examples = read_examples(files, file_format)
    return (yield from with_progress(task.evaluate(model, tokenizer, examples)))


def _notes(examples: Examples | Corpus) -> dict[str, list[str]]:
    """Return what there is to tell of how plain text was read, as a part of the metrics."""
    notes = examples.notes if isinstance(examples, Corpus) else []
    return {"notes": notes} if notes else {}


def _measure(
    fitted: FittedModel, task: Task, held_out: Examples | Corpus
) -> Generator[Progress, None, dict[str, dict[str, Any]]]:
    """Measure a model on held-out examples, and in int8 too where its family can compute in that."""
    model, tokenizer = fitted.model, fitted.tokenizer
    figures = {"validation": (yield from with_progress(task.evaluate(model, tokenizer, held_out)))}
    int8_family = FAMILIES_BY_PRECISION["int8"][model.kind]
    if int8_family is not FAMILIES_BY_PRECISION["float32"][model.kind]:
        int8_model = int8_family.from_tensors(model.config(), model.tensors(), model.vocabulary_size)
        figures["int8"] = yield from with_progress(task.evaluate(int8_model, tokenizer, held_out))
    return figures


def _files(recipe: TaskRecipe) -> list[Path]:
    """Return every file that a recipe reads."""
    examples = [*recipe.files, *([recipe.validation] if recipe.validation else [])]
    files = [file for path in examples for file in (path, *_parallel_files(path, recipe.format))]
    begins = (recipe.initialize_from, recipe.vector_words)
    return files + [path for path in begins if path is not None and path.is_file()]


def _parallel_files(path: Path, file_format: FileFormat | None) -> list[Path]:
    """Return the files beside the contexts of questions in pieces, whose lines belong together."""
    is_pieces = isinstance(file_format, QuestionFormat) and path.suffix == ".context"
    return [path.with_suffix(ending) for ending in (".question", ".answer", ".span")] if is_pieces else []
