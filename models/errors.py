"""Errors that this package raises on purpose; all of them are a `NextwordError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self


class NextwordError(Exception):
    """Base class of all errors raised on purpose; the message is fit for a user, and Unicode."""

    def __init__(self, *details: object) -> None:
        super().__init__(*(_unicode(detail) if isinstance(detail, str) else detail for detail in details))


class InvalidInput(NextwordError, ValueError):
    """A value that is not acceptable.

    `field` names it as the user wrote it (dotted for nested fields), `reason` says what is accepted; the message has
    both.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = _unicode(field), _unicode(reason)

    def of_field(self, field: str) -> Self:
        """Return the same error of a value that has another name.

        >>> InvalidInput("order", "must be 1 or more").of_field("model.order")
        InvalidInput('model.order: must be 1 or more')
        """
        return type(self)(field, self.reason)


class InvalidText(InvalidInput):
    """Text that cannot be read or scored."""


class UnsupportedByModel(InvalidInput):
    """A model is asked for something that its kind cannot do; the message names its capabilities."""


class CheckpointError(NextwordError):
    """A checkpoint cannot be used."""


class CheckpointNotFound(CheckpointError):
    """No checkpoint has that name or version."""


class CheckpointExists(CheckpointError):
    """A checkpoint of that name and version is already published; published checkpoints never change."""


class CheckpointDamaged(CheckpointError):
    """A file of the checkpoint is missing, truncated, altered or was not written by this package."""


class UnusableState(CheckpointDamaged):
    """A saved training state is damaged, or of a version of this package whose states are not read."""


class StateMismatch(InvalidInput):
    """A saved training state is that of another training."""


class CountsNotKept(NextwordError):
    """An n-gram model was published without the counts that are asked for."""


class TrainingFailed(NextwordError):
    """Training failed: no model can be made from this data, or the numbers diverged."""


class TrainingDiverged(TrainingFailed):
    """Loss or gradient of a training step that is no finite number; the message says what to change.

    `step` counts from 1; `loss` (nats a token) and `gradient_norm` (before clipping) are that step's.
    """

    def __init__(self, step: int, loss: float, gradient_norm: float, *, learning_rate: float, clip: float) -> None:
        slower = f"a lower learning_rate than {learning_rate:g}"
        advice = f"try {slower}, or a lower clip"
        if not clip:
            advice = f"set clip to 1, so that gradients are scaled down to that norm (0 sets no limit), or try {slower}"
        super().__init__(
            f"training diverged at step {step}: the loss is {loss:g} and the norm of its gradient {gradient_norm:g}; "
            f"{advice}"
        )
        self.step, self.loss, self.gradient_norm = step, loss, gradient_norm


def _unicode(text: str) -> str:
    """Return text that can be written: half a surrogate pair, as hostile JSON holds, becomes its escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


@contextmanager
def naming_item(index: int, **counts: int) -> Iterator[None]:
    """Name item `index` of a list in the InvalidInput of the block: `text` becomes `text.3`.

    `counts` has the length of the list by its field; a list of one needs no number.

    >>> with naming_item(3, text=5):
    ...     raise InvalidText("text", "must hold a word")
    Traceback (most recent call last):
    ...
    models.errors.InvalidText: text.3: must hold a word
    """
    try:
        yield
    except InvalidInput as error:
        if counts.get(error.field, 1) == 1:
            raise
        raise error.of_field(f"{error.field}.{index}") from error
