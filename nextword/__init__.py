"""Python API of Nextword: the names that stay, whatever moves below `models`.

    >>> import nextword
    >>> checkpoint = nextword.load("gutenberg-kn")
    >>> work = nextword.score_texts(checkpoint.model, checkpoint.tokenizer, ["It was a dark night."])
    >>> for score in nextword.run_to_completion(work):
    ...     print(score.token_count, round(score.logprob, 2))
    7 -21.19

Long work (`build`, `evaluate`, `score_texts`) is a generator that yields progress: `run_to_completion` drives it to
its result. A name is imported when it is first asked for, so that nobody waits for libraries that are not used.

`nextword.decoders` has language models for decoders of speech and handwriting.

Versions are semantic ones (https://semver.org): `__version__` tells this one. From 1.0.0 on, names, arguments and
results that the documentation tells stay until the first number changes; before, until the second one does.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.checkpoint.load import Checkpoint as Checkpoint
    from models.checkpoint.repository import resolve as resolve
    from models.checkpoint.save import save as save
    from models.data.corpus import Corpus as Corpus
    from models.errors import NextwordError as NextwordError
    from models.evaluation.evaluator import evaluate as evaluate
    from models.inference.candidates import Candidates as Candidates
    from models.inference.config import SamplingParams as SamplingParams
    from models.inference.generation import generate as generate
    from models.inference.generation import make_sequences as make_sequences
    from models.inference.scoring import score_texts as score_texts
    from models.language_model import LanguageModel as LanguageModel
    from models.neural.config import RecurrentConfig as RecurrentConfig
    from models.neural.training.config import TrainingConfig as TrainingConfig
    from models.neural.training.join import join_world as join_world
    from models.neural.training.world import World as World
    from models.ngram.config import NgramConfig as NgramConfig
    from models.recipes.build import build as build
    from models.recipes.recipe import Recipe as Recipe
    from models.state import concat as concat
    from models.state import select as select
    from models.state import split as split
    from models.threads import set_thread_count as set_thread_count
    from models.tokenization.config import TokenizerConfig as TokenizerConfig
    from models.tokenization.tokenizer import Tokenizer as Tokenizer
    from models.utils.progress import run_to_completion as run_to_completion
    from nextword.loading import load as load

    __version__: str

_HOMES = {
    "Candidates": "models.inference.candidates",
    "Checkpoint": "models.checkpoint.load",
    "Corpus": "models.data.corpus",
    "LanguageModel": "models.language_model",
    "NextwordError": "models.errors",
    "NgramConfig": "models.ngram.config",
    "Recipe": "models.recipes.recipe",
    "RecurrentConfig": "models.neural.config",
    "SamplingParams": "models.inference.config",
    "Tokenizer": "models.tokenization.tokenizer",
    "TokenizerConfig": "models.tokenization.config",
    "TrainingConfig": "models.neural.training.config",
    "World": "models.neural.training.world",
    "build": "models.recipes.build",
    "concat": "models.state",
    "evaluate": "models.evaluation.evaluator",
    "generate": "models.inference.generation",
    "join_world": "models.neural.training.join",
    "load": "nextword.loading",
    "make_sequences": "models.inference.generation",
    "resolve": "models.checkpoint.repository",
    "run_to_completion": "models.utils.progress",
    "save": "models.checkpoint.save",
    "score_texts": "models.inference.scoring",
    "select": "models.state",
    "set_thread_count": "models.threads",
    "split": "models.state",
}
"""The module in which each name is defined."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Import the module that defines `name`. Raises AttributeError where the API has no such name."""
    if name == "__version__":
        return version("nextword")
    if name not in _HOMES:
        raise AttributeError(f"module 'nextword' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
