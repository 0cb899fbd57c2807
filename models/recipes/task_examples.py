"""Examples of a task's recipe, split into those to learn from and those held out.

Torch is not loaded, so that a service can look at small files before it queues a job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from models.data.corpus import Corpus
from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.data.labelled.examples import LabelledText
from models.data.labelled.formats import read_labelled_texts, read_questions, read_tagged
from models.data.labelled.splits import hold_out
from models.errors import InvalidInput
from models.recipes.task_kinds import FileFormat
from models.recipes.task_recipe import TaskRecipe

Examples: TypeAlias = Sequence[Any]
"""LabelledTexts, TaggedSentences or Questions."""
Split: TypeAlias = tuple[Examples, Examples] | tuple[Corpus, Corpus | None]
"""What to learn from and what is held out: examples, of which there may be none, or plain texts."""

_READERS: dict[type[FileFormat], Callable[[Sequence[Path], Any], Examples]] = {
    LabelledFormat: read_labelled_texts,
    TaggedFormat: read_tagged,
    QuestionFormat: read_questions,
}


def read_examples(files: Sequence[Path], file_format: FileFormat) -> Examples:
    """Read labelled files. Raises InvalidInput, and InvalidText naming the first line that is wrong."""
    return _READERS[type(file_format)](files, file_format)


def read_split(recipe: TaskRecipe) -> Split:
    """Return the examples to learn from, and those held out.

    Raises what `read_examples` raises, and InvalidInput where there are too few to hold any out.
    """
    if recipe.format is None:
        return _open_texts(recipe)
    examples = read_examples(recipe.files, recipe.format)
    if recipe.validation is not None:
        return examples, read_examples([recipe.validation], recipe.format)
    if not recipe.validation_fraction:
        return examples, []
    try:
        rest, held_out = hold_out(examples, recipe.validation_fraction, recipe.split_seed)
    except InvalidInput as error:
        raise InvalidInput("validation_fraction", str(error).partition(": ")[2]) from None
    return _keep_rare_labels(examples, rest, held_out)


def _keep_rare_labels(examples: Examples, rest: Examples, held_out: Examples) -> tuple[Examples, Examples]:
    """Move held-out texts of a label that no other text has to those to learn from, in their order.

    Raises InvalidInput where nothing is left to measure on.
    """
    known = {label for example in rest if isinstance(example, LabelledText) for label in example.labels}
    measured = [e for e in held_out if not (isinstance(e, LabelledText) and set(e.labels) - known)]
    if not measured:
        raise InvalidInput("validation_fraction", "every example that it holds out has a label that no other has")
    chosen = {id(example) for example in measured}
    return [example for example in examples if id(example) not in chosen], measured


def _open_texts(recipe: TaskRecipe) -> tuple[Corpus, Corpus | None]:
    """Open the plain text to learn from, and the held-out text where there is one."""
    config, empty_lines, encoding = recipe.tokenizer, recipe.empty_lines, recipe.encoding
    text = Corpus.open(recipe.files, config=config, empty_lines=empty_lines, encoding=encoding)
    if recipe.validation is not None:
        return text, Corpus.open(recipe.validation, config=config, empty_lines=empty_lines, encoding=encoding)
    return text.split(recipe.validation_fraction) if recipe.validation_fraction else (text, None)
