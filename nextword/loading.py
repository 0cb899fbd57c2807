"""Loading of published models by name or path: `load`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeAlias

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import Checkpoint
from models.checkpoint.load import load as load_checkpoint
from models.checkpoint.repository import CheckpointRef, resolve
from models.errors import InvalidInput

Precision: TypeAlias = Literal["float32", "int8"]
ModelPath: TypeAlias = "str | os.PathLike[str]"

CHECKPOINTS_VARIABLE = "NEXTWORD_CHECKPOINTS"
"""Variable of the environment that names the folder of published models, for the command line and the server, too."""
CHECKPOINTS_FOLDER = "checkpoints"
"""Folder of published models where nothing else is said."""


def load(
    model: ModelPath,
    *,
    checkpoints: ModelPath | None = None,
    precision: Precision = "float32",
    verify: bool = True,
) -> Checkpoint:
    """Load a published model by its name, by `name@version`, or by the path of its folder.

    >>> checkpoint = load("gutenberg-kn")
    >>> checkpoint.model.kind, checkpoint.tokenizer.vocabulary_size
    ('ngram', 10000)

    A name without a version means the newest one. What holds a `/` or begins with a dot is a path, and so is anything
    but a `str`: of a model's version, or of the folder of its versions.

    Args:
        model: Name or path.
        checkpoints: Folder of published models in which names are looked for; by default the one that the variable
            NEXTWORD_CHECKPOINTS names, else `checkpoints` in the current folder.
        precision: Precision in which recurrent models compute: "float32" imports PyTorch, "int8" does not.
        verify: Whether to compare every file's hash with the card's; otherwise only sizes are compared.

    Raises CheckpointNotFound, which lists the models there are, and CheckpointDamaged, which names the file.
    """
    if precision not in FAMILIES_BY_PRECISION:
        raise InvalidInput("precision", f"must be one of {', '.join(FAMILIES_BY_PRECISION)}, not {precision!r}")
    return load_checkpoint(_find(model, checkpoints).path, verify=verify, families=FAMILIES_BY_PRECISION[precision])


def _find(model: ModelPath, checkpoints: ModelPath | None) -> CheckpointRef:
    """Find the checkpoint that `model` means. Raises CheckpointNotFound."""
    root = Path(checkpoints or os.environ.get(CHECKPOINTS_VARIABLE) or CHECKPOINTS_FOLDER)
    return resolve(root, model if isinstance(model, str) else str(Path(model).absolute()))
