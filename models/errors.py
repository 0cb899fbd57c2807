"""Errors that this package raises on purpose; all of them are a `NextwordError`."""


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
