"""Loading of published models for commands; imported when a command runs, since it loads torch."""

from __future__ import annotations

from pathlib import Path

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import Checkpoint, load
from models.checkpoint.repository import CheckpointRef, resolve
from models.errors import InvalidInput
from models.ngram.model import NgramModel
from models.threads import set_thread_count


def load_model(checkpoints: Path, model: str, threads: int, precision: str) -> tuple[CheckpointRef, Checkpoint]:
    """Load the checkpoint that `model` refers to, and set the number of compute threads."""
    set_thread_count(threads)
    ref = resolve(checkpoints, model)
    return ref, load(ref.path, families=FAMILIES_BY_PRECISION[precision])


def load_ngram(checkpoints: Path, model: str) -> tuple[Checkpoint, NgramModel]:
    """Load a checkpoint that holds an n-gram model. Raises InvalidInput for one of another family."""
    checkpoint = load(resolve(checkpoints, model).path)
    if not isinstance(checkpoint.model, NgramModel):
        raise InvalidInput("model", f"must be an n-gram model, and {model} is not")
    return checkpoint, checkpoint.model
