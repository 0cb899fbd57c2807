"""Import of n-gram models that other programs estimated.

`import_model` reads ARPA text; it is a generator that yields progress, as `build.build` is. `import_kenlm_binary` opens
a binary of KenLM. What they return is ready to be published.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from models.checkpoint.card import FileDigest, Provenance, to_jsonable
from models.errors import InvalidInput
from models.ngram.backoff_table import BackoffTable
from models.ngram.config import NgramConfig
from models.ngram.formats.arpa import reading_arpa
from models.ngram.formats.model_file import open_arpa
from models.ngram.formats.normalization import TOLERANCE
from models.ngram.kenlm_model import KenlmModel
from models.ngram.model import NgramModel
from models.recipes.import_recipe import ImportRecipe
from models.special_tokens import EOS, UNK
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress

Result = TypeVar("Result")
_TOLD = "the card and every answer say `normalized: false`"
_ADDED_UP = ((), (EOS,), (UNK,), (EOS, UNK))
"""Contexts after which the probabilities of a binary are added up, a call of the library for each word."""


@dataclass(frozen=True)
class ImportedModel:
    """Outcome of an import, ready to be published."""

    recipe: ImportRecipe
    model: NgramModel | KenlmModel
    tokenizer: Tokenizer
    metrics: dict[str, Any]
    """`notes`: what a user should know of the file, in sentences."""

    def provenance(self, command: str) -> Provenance:
        """Return what the model's card tells of its origin; `command` makes it again."""
        file = self.recipe.file
        corpus, recipe = {file.name: FileDigest.of(file)}, to_jsonable(asdict(self.recipe))
        recipe["tokenizer"] = asdict(self.tokenizer.config)  # which holds no path of this machine
        return Provenance(command, self.recipe.licence, corpus, recipe | {"file": file.name}, self.metrics)


def import_model(recipe: ImportRecipe) -> Generator[Progress, None, ImportedModel]:
    """Read the model of `recipe`, which is ARPA text.

    Raises InvalidInput for a file that is none, and for a model that is not normalized unless that is allowed.
    """
    yield Progress("reading", 0, 0)
    tokenizer = Tokenizer.train(recipe.tokenizer, ()) if recipe.tokenizer.file else None
    with open_arpa(recipe.file) as text:
        tokens = tokenizer.ngram_words() if tokenizer else None
        table, vocabulary = yield from _with_progress(reading_arpa(text, tokens))
    notes = _notes(table, recipe)
    table.details["imported"] = recipe.file.name
    model = NgramModel(NgramConfig(table.order, "backoff"), table)
    return ImportedModel(recipe, model, tokenizer or Tokenizer(recipe.tokenizer, vocabulary), {"notes": notes})


def import_kenlm_binary(recipe: ImportRecipe) -> ImportedModel:
    """Open the binary of KenLM of `recipe`, which must come from someone who is trusted: see `KenlmModel`.

    The probabilities after a few contexts are added up, since the library takes every word by itself.

    Raises InvalidInput for a file that is none, or not normalized unless that is allowed, and CheckpointError where the
    library is not installed.
    """
    model = KenlmModel(recipe.file)
    if recipe.tokenizer.file:
        raise InvalidInput("tokenizer.file", "a binary of KenLM is read with its own words: leave it out")
    notes = [f"KenLM scores with its own file: no next words, and only {len(_ADDED_UP)} of its sums were looked at"]
    sums = {context: model.distribution_sum(context) for context in _ADDED_UP}
    worst = max(sums, key=lambda context: abs(sums[context] - 1))
    if abs(sums[worst] - 1) > TOLERANCE:
        fault = f"the probabilities after {' '.join(model.vocabulary[i] for i in worst)!r} sum to {sums[worst]:.6g}"
        _require_allowed(recipe, fault)
        notes.append(f"{fault}; {_TOLD}")
        model = KenlmModel(recipe.file, normalized=False)
    return ImportedModel(recipe, model, Tokenizer(recipe.tokenizer, model.vocabulary), {"notes": notes})


def _with_progress(reading: Generator[tuple[int, int], None, Result]) -> Generator[Progress, None, Result]:
    """Run `reading`, yielding `Progress` for each share that it yields; return its result."""
    while True:
        try:
            step, steps = next(reading)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        yield Progress("reading", step, steps)


def _require_allowed(recipe: ImportRecipe, fault: str) -> None:
    """Raise InvalidInput for distributions that do not sum to one, unless the recipe allows them."""
    if not recipe.allow_unnormalized:
        raise InvalidInput("file", f"{fault}; allow_unnormalized publishes it, with `normalized: false`")


def _notes(table: BackoffTable, recipe: ImportRecipe) -> list[str]:
    """Return what a user should know of an imported table. Raises InvalidInput as `_require_allowed` does."""
    notes = []
    if left_out := table.details["left_out_ngrams"]:
        notes.append(f"{left_out} n-grams with </s> or <s> inside were left out: no text leads there")
    if not table.details.get("normalized", True):
        _require_allowed(recipe, _describe_sums(table))
        notes.append(f"{_describe_sums(table)}; {_TOLD}")
    return notes


def _describe_sums(table: BackoffTable) -> str:
    sums = table.details["normalization"]
    context = repr(" ".join(sums["worst_context"])) if sums["worst_context"] else "no word"
    return (
        f"the probabilities do not sum to one after {sums['unnormalized_contexts']} of {sums['contexts']} contexts, "
        f"and furthest from it after {context}, where the sum is {sums['worst_sum']:.6g}"
    )
