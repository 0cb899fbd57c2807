"""Errors that this package raises on purpose, all of them.

NextwordError
├── InvalidInput            a field of a config, request or text is not acceptable
│   └── InvalidText         ... and it is the text: not UTF-8, too long, nothing to score
├── CheckpointError         a checkpoint cannot be used; the message names the file
│   ├── CheckpointNotFound  no such name or version
│   ├── CheckpointExists    that name and version is already published
│   └── CheckpointDamaged   missing, truncated, altered or foreign file
└── TrainingFailed          the data or the numbers do not allow a model (diverged, empty corpus)
"""


class NextwordError(Exception):
    """Base class of all errors raised on purpose; the message is fit for a user."""


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
    """No checkpoint has that name or version."""


class CheckpointExists(CheckpointError):
    """A checkpoint of that name and version is already published; published checkpoints never change."""


class CheckpointDamaged(CheckpointError):
    """A file of the checkpoint is missing, truncated, altered or was not written by this package."""


class TrainingFailed(NextwordError):
    """Training failed: no model can be made from this data, or the numbers diverged."""
