"""Every error this package raises on purpose.

    NextwordError
    ├── InvalidInput            a field of a config, request or text is not acceptable
    │   └── InvalidText         ... and it is the text: not UTF-8, too long, nothing to score
    ├── CheckpointError         a checkpoint cannot be used; the message names the file
    │   ├── CheckpointNotFound  no such name or version
    │   ├── CheckpointExists    that name and version is already published
    │   └── CheckpointDamaged   missing, truncated, altered or foreign file
    └── TrainingFailed          the data or the numbers do not allow a model (diverged, empty corpus)

The module knows messages and the field they are about; it does not know HTTP status codes.
"""


class NextwordError(Exception):
    """Base of all errors raised on purpose; its text is fit for a user."""


class InvalidInput(NextwordError, ValueError):
    """A value that is not acceptable.

    `field` names it as the user wrote it (dotted for nested fields); the message says what is accepted.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class InvalidText(InvalidInput):
    """Text that cannot be read or scored."""


class CheckpointError(NextwordError):
    """A checkpoint cannot be used."""


class CheckpointNotFound(CheckpointError):
    """No checkpoint of that name or version."""


class CheckpointExists(CheckpointError):
    """That name and version is already published; published checkpoints never change."""


class CheckpointDamaged(CheckpointError):
    """A file of the checkpoint is missing, truncated, altered or not ours."""


class TrainingFailed(NextwordError):
    """No model can be made from this data, or the training diverged."""
