"""The seam between a worker and wherever a job's work runs: start it, poll it, stop it.

Knows what is ordered and what is reported back, both plain data that survives a pipe or a network. A local child
process stands behind it (`local`); a cluster could as well, and nothing else would have to know.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

JsonObject: TypeAlias = dict[str, Any]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class InputFile:
    """A text file that the work reads."""

    path: str
    """Where its bytes are."""
    name: str
    """What its uploader called it: this goes into the card."""


@dataclass(frozen=True)
class RunSpec:
    """Everything needed to do a job's work; JSON-ready."""

    job_id: str
    """Whose work it is: this goes into the card."""
    request: JsonObject
    """The validated request."""
    workdir: str
    """A directory of this attempt alone; a state saved in it is gone on from."""
    staging: str
    """A directory of this attempt alone, beside the published models: a finished one is left in it."""
    checkpoints: str
    """Where published models are."""
    threads: int
    """How many may compute at once."""
    save_seconds: float
    """How often to save the state."""
    training: InputFile | None = None
    """What to learn from."""
    validation: InputFile | None = None
    """What to measure on."""


@dataclass(frozen=True)
class Reported:
    """How far the work is."""

    progress: JsonObject
    """Phase, step, steps, epoch, fraction, tokens per second, seconds left, metrics."""


@dataclass(frozen=True)
class Measured:
    """The metrics of a step."""

    step: int
    values: dict[str, float | None]


@dataclass(frozen=True)
class Resumed:
    """The work goes on from here: what was measured beyond this step will be measured again."""

    step: int


@dataclass(frozen=True)
class Done:
    """The work is complete."""

    staged: str | None
    """The directory, in `staging`, of a model ready to be published; None where none was to be made."""
    result: JsonObject = field(default_factory=dict)
    """What came of it, beside a model."""


@dataclass(frozen=True)
class Failed:
    """The work cannot be done; trying again would not help."""

    code: str
    message: str


@dataclass(frozen=True)
class Stopped:
    """The work was asked to stop, and has saved what it could."""


@dataclass(frozen=True)
class Lost:
    """The work ended without a word: killed, crashed or unreachable. Trying again may help."""

    reason: str


End: TypeAlias = Done | Failed | Stopped | Lost
Message: TypeAlias = Reported | Measured | Resumed | End
_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Reported, Measured, Resumed, Done, Failed, Stopped, Lost)
}


class Run(Protocol):
    """Work under way."""

    def poll(self, seconds: float) -> list[Message]:
        """What was reported since the last call, waiting up to `seconds` for something; its end comes last, once."""

    def stop(self, seconds: float) -> None:
        """Have it save its state and stop; after `seconds` it is killed. Its end is then reported like any other."""


class Launcher(Protocol):
    """Something that runs work."""

    def start(self, order: RunSpec) -> Run:
        """Begin the work."""


def message_to_json(message: Message) -> JsonObject:
    """A message as JSON-ready data."""
    return {"kind": type(message).__name__, **asdict(message)}


def message_from_json(data: JsonObject) -> Message:
    """The inverse of `message_to_json`."""
    values = dict(data)
    return _KINDS[values.pop("kind")](**values)


def run_spec_from_json(data: JsonObject) -> RunSpec:
    """The inverse of `asdict`."""
    inputs = {name: InputFile(**data[name]) for name in ("training", "validation") if data[name] is not None}
    return RunSpec(**{**data, **inputs})
