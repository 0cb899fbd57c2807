"""Import of n-gram models that other programs estimated: ARPA text, and binaries of KenLM.

`import_model` is a generator that yields progress, as `build.build` is; what it returns is ready to be published.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.errors import InvalidInput
from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig
from models.ngram.formats.arpa import reading_arpa
from models.ngram.formats.model_file import open_arpa
from models.ngram.model import NgramModel
from models.recipes.import_recipe import ImportRecipe
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress


@dataclass(frozen=True)
class ImportedModel:
    """Outcome of an import, ready to be published."""

    recipe: ImportRecipe
    model: NgramModel
    tokenizer: Tokenizer
    metrics: dict[str, Any]
    """`notes`: what a user should know of the file, in sentences."""

    def provenance(self, command: str) -> Provenance:
        """Return what the model's card tells of its origin; `command` makes it again."""
        file = self.recipe.file
        corpus, recipe = {file.name: FileDigest.of(file)}, to_jsonable(asdict(self.recipe))
        return Provenance(command, self.recipe.licence, corpus, recipe | {"file": file.name}, self.metrics)


def import_model(recipe: ImportRecipe) -> Generator[Progress, None, ImportedModel]:
    """Read the model of `recipe`.

    Raises InvalidInput for a file that is no ARPA text, and for a model that is not normalized unless that is allowed.
    """
    yield Progress("reading", 0, 0)
    with open_arpa(recipe.file) as text:
        reading = reading_arpa(text)
        while True:
            try:
                yield Progress("reading", *next(reading))
            except StopIteration as stop:
                table, vocabulary = stop.value
                break
    _check_normalized(table, recipe)
    table.details["imported"] = recipe.file.name
    model = NgramModel(NgramConfig(table.order, "backoff"), table)
    return ImportedModel(recipe, model, Tokenizer(recipe.tokenizer, vocabulary), {"notes": _notes(table)})


def _check_normalized(table: BackoffTable, recipe: ImportRecipe) -> None:
    """Raise InvalidInput for distributions that do not sum to one, unless the recipe allows them."""
    if table.details.get("normalized", True) or recipe.allow_unnormalized:
        return
    raise InvalidInput("file", f"{_describe_sums(table)}; allow_unnormalized publishes it, with `normalized: false`")


def _notes(table: BackoffTable) -> list[str]:
    """Return what a user should know of an imported table."""
    notes = []
    if left_out := table.details["left_out_ngrams"]:
        notes.append(f"{left_out} n-grams with </s> or <s> inside were left out: no text leads there")
    if not table.details.get("normalized", True):
        notes.append(f"{_describe_sums(table)}; the card and every answer say `normalized: false`")
    return notes


def _describe_sums(table: BackoffTable) -> str:
    sums = table.details["normalization"]
    context = " ".join(sums["worst_context"]) or "no context"
    return (
        f"the probabilities do not sum to one after {sums['unnormalized_contexts']} of {sums['contexts']} contexts, "
        f"and furthest from it after {context!r}, where the sum is {sums['worst_sum']:.6g}"
    )
