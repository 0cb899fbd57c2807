"""Errors that the service raises on purpose; `http.error_responses` gives each its status and code.

NextwordError
├── RequestAbandoned        the client hung up; nobody reads the answer
├── ModelFailed             an exception in a step, or a log-probability that is not a number
├── RequestTimeout          it took longer than it may
├── BodyStalled             the body of the request stands still
├── Unavailable             not now; `retry_after` says when to try again
│   ├── Overloaded          the queue is full
│   ├── ServerStopping      the server is going down
│   ├── ModelLoading        the model exists and is still being loaded
│   └── LimitReached        an API key has no more of its limit in this minute
│       └── QuotaReached    an API key has as many jobs, or bytes of files, as it may have
├── BadApiKey               no API key, or one that is not valid
├── ScopeMissing            the API key does not open this route
├── UnknownHost             the request names another server than this one
├── CrossOriginRequest      a web page of another origin asks for work or a change
├── NotFound                no such job, file or alias
├── Conflict                impossible as things stand
│   ├── IdempotencyKeyReused    the key belongs to another request
│   ├── FileInUse           a job still needs the file
│   ├── ModelInUse          an alias or a mixture refers to the model
│   └── NameTaken           an alias and a model would have the same name
├── LeaseLost               another worker has the job now
├── FileTooLarge            more bytes than the settings allow
├── InvalidInput
│   └── TooExpensive        the job would not fit this machine
├── DiskFull                no room to write
├── StoreUnavailable        the object store does not answer
└── DatabaseUnavailable     locked, full or gone
"""

from __future__ import annotations

import errno

from models.errors import InvalidInput, NextwordError

MIN_RETRY_SECONDS = 0.1
"""Shortest time that a client is told to wait before it asks again."""
MAX_RETRY_SECONDS = 120.0
"""Longest time that a client is told to wait."""
NO_SPACE_ERRNOS = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
"""What the system says where there is no room to write."""


class RequestAbandoned(NextwordError):
    """The client hung up before its answer was there."""


class ModelFailed(NextwordError):
    """The model failed on this request; the cause is for the log only."""

    def __init__(self) -> None:
        super().__init__("the model failed on this request; the server's log has the details")


class RequestTimeout(NextwordError):
    """The request took longer than its own limit or the service's."""


class BodyStalled(NextwordError):
    """The request's body stood still, or came too slowly, while the service waited for it."""


class Unavailable(NextwordError):
    """The service cannot answer now; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = min(max(retry_after, MIN_RETRY_SECONDS), MAX_RETRY_SECONDS)


class Overloaded(Unavailable):
    """More requests wait than the service takes on."""


class ServerStopping(Unavailable):
    """The server is going down and takes nothing new."""


class ModelLoading(Unavailable):
    """The model exists and is still being loaded."""


class UnknownHost(NextwordError):
    """The request's `Host` is no name of this server."""


class CrossOriginRequest(NextwordError):
    """A web page of another origin asks for what costs work or changes something."""


class LimitReached(Unavailable):
    """An API key has used what it may use in a minute."""


class QuotaReached(LimitReached):
    """An API key has as many unfinished jobs, or bytes of files, as it may have; waiting does not help."""


class BadApiKey(NextwordError):
    """The request has no API key, or one that is unknown, revoked or expired."""

    def __init__(self, message: str, name: str = "") -> None:
        """`name` is that of a key that was valid once."""
        super().__init__(message)
        self.name = name


class ScopeMissing(NextwordError):
    """The API key is valid, and lacks the scope that this route wants."""

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class NotFound(NextwordError):
    """No job, file or alias has that id."""


class Conflict(NextwordError):
    """Request that the present state forbids; the message says what stands in the way."""


class IdempotencyKeyReused(Conflict):
    """An idempotency key came a second time, with another request."""


class FileInUse(Conflict):
    """A job that is not finished needs the file."""


class ModelInUse(Conflict):
    """An alias or a mixture refers to the model."""


class NameTaken(Conflict):
    """A model cannot have the name of an alias, nor an alias the name of a model."""


class LeaseLost(NextwordError):
    """Another worker claimed the job, or it is done: nothing more may be written under this lease."""


class FileTooLarge(NextwordError):
    """More bytes than the settings allow for one file."""


class TooExpensive(InvalidInput):
    """A job that would not fit this machine, refused before it is queued."""


class RangeNotSatisfiable(NextwordError):
    """The file has none of the bytes that `Range` asks for."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class DiskFull(NextwordError):
    """No room to write; nothing was kept of what was begun."""


class StoreUnavailable(NextwordError):
    """The object store does not answer, or not with what was asked for; every call may be repeated."""

    retry_after = 2
    """Seconds to wait before the next try."""


class DatabaseUnavailable(NextwordError):
    """The database is locked, full or gone; every call of the stores may be repeated."""

    retry_after = 1
    """Seconds to wait before the next try."""


def is_no_space(error: BaseException) -> bool:
    """Return whether the system raised `error` because there is no room to write."""
    return isinstance(error, OSError) and error.errno in NO_SPACE_ERRNOS
