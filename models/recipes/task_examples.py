"""Examples of a task's recipe, split into those to learn from and those held out.

Neither torch nor Numba is loaded, so that a service can look at small files before it queues a job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from models.data.labelled.config import LabelledFormat, QuestionFormat, TaggedFormat
from models.data.labelled.formats import read_labelled_texts, read_questions, read_tagged
from models.data.labelled.splits import hold_out
from models.errors import InvalidInput
from models.recipes.task_recipe import FileFormat, TaskRecipe

Examples: TypeAlias = Sequence[Any]
"""LabelledTexts, TaggedSentences or Questions."""

_READERS: dict[type[FileFormat], Callable[[Sequence[Path], Any], Examples]] = {
    LabelledFormat: read_labelled_texts,
    TaggedFormat: read_tagged,
    QuestionFormat: read_questions,
}


def read_examples(files: Sequence[Path], file_format: FileFormat) -> Examples:
    """Read labelled files. Raises InvalidInput, and InvalidText naming the first line that is wrong."""
    return _READERS[type(file_format)](files, file_format)


def read_parts(recipe: TaskRecipe) -> tuple[Examples, Examples]:
    """Return the examples to learn from, and those held out, of which there may be none.

    Raises what `read_examples` raises, and InvalidInput where there are too few to hold any out.
    """
    assert recipe.format is not None
    examples = read_examples(recipe.files, recipe.format)
    if recipe.validation is not None:
        return examples, read_examples([recipe.validation], recipe.format)
    if not recipe.validation_fraction:
        return examples, []
    try:
        return hold_out(examples, recipe.validation_fraction, recipe.split_seed)
    except InvalidInput as error:
        raise InvalidInput("validation_fraction", str(error).partition(": ")[2]) from None
