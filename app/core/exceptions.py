"""Everything that training over HTTP can be refused for, or fail with.

    NextwordError
    ├── NotThere            no such job, file or alias
    ├── Conflict            it cannot be, as things stand
    │   ├── KeyReused       the idempotency key belongs to another request
    │   ├── FileInUse       a job still needs the file
    │   ├── ModelInUse      an alias still means the model
    │   └── NameTaken       an alias and a model would have the same name
    ├── LeaseLost           another worker has the job now
    ├── FileTooLarge        more bytes than the settings allow
    ├── TooExpensive        the job would not fit this machine
    ├── DiskFull            no room to write
    └── DatabaseUnavailable locked, full or gone

The module knows what went wrong; it does not know HTTP status codes, nor who raises what.
"""

from __future__ import annotations

import math

from models.errors import InvalidInput, NextwordError


class NotFound(NextwordError):
    """No job, file or alias of that id."""


class Conflict(NextwordError):
    """It cannot be done as things stand; the message says what stands in the way."""


class IdempotencyKeyReused(Conflict):
    """An idempotency key came a second time, with another request."""


class FileInUse(Conflict):
    """A job that is not finished needs the file."""


class ModelInUse(Conflict):
    """An alias or a mixture refers to the model."""


class NameTaken(Conflict):
    """A model cannot have an alias's name, nor an alias a model's."""


class LeaseLost(NextwordError):
    """Another worker claimed the job, or it is done: nothing more may be written under this lease."""


class FileTooLarge(NextwordError):
    """More bytes than the settings allow for one file."""


class TooExpensive(InvalidInput):
    """A job that would not fit this machine, refused before it is queued."""


class DiskFull(NextwordError):
    """There is no room to write; nothing was kept of what was begun."""


class DatabaseUnavailable(NextwordError):
    """The database is locked, full or gone; the same call may succeed later, and all of ours may be repeated."""

    retry_after = 1
    """Seconds to wait before the next try."""


MIN_RETRY_SECONDS = 0.1


MAX_RETRY_SECONDS = 120.0
"""Bounds of what a client is told to wait before it asks again."""


class RequestAbandoned(NextwordError):
    """The client hung up before its answer was there."""


class ModelFailed(NextwordError):
    """The model failed on this request; its cause is for the log only."""

    def __init__(self) -> None:
        super().__init__("the model failed on this request; the server's log has the details")


class RequestTimeout(NextwordError):
    """The request took longer than it, or the service, allows."""


class Unavailable(NextwordError):
    """The service cannot answer now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = min(max(retry_after, MIN_RETRY_SECONDS), MAX_RETRY_SECONDS)

    @property
    def headers(self) -> dict[str, str]:
        """Whole seconds as HTTP has it, and the milliseconds that OpenAI's clients look for first."""
        return {
            "retry-after": str(math.ceil(self.retry_after)),
            "retry-after-ms": str(math.ceil(1e3 * self.retry_after)),
        }


class Overloaded(Unavailable):
    """More requests wait than the service takes on."""


class ServerStopping(Unavailable):
    """The server is going down and takes nothing new."""


class ModelLoading(Unavailable):
    """The model is there and still being loaded."""
