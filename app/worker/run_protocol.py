"""Protocol between a worker and the process that does a job's work: start, poll, stop.

A `Launcher` starts a `JobRun` from a `RunSpec`; the run reports `Message`s, all of them JSON-ready, so that they can
cross a pipe or a network. Those of `launchers` run the work in a local child process; another could use a cluster.

Names of message classes and fields are the wire format: a worker and a child of different versions must agree on them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

JsonObject: TypeAlias = dict[str, Any]
Kind = TypeVar("Kind")
METRICS_FILE = "metrics.jsonl"
"""File of metrics in a working directory, a line per step; only appended to."""
BLOCKS_FOLDER = "blocks"
"""Folder in a working directory of the blocks of records that are done, with a manifest that is only appended to."""


@dataclass(frozen=True)
class InputFile:
    """A text file as input of the work."""

    path: str
    name: str
    """Name that the uploader gave, for the card."""


@dataclass(frozen=True)
class RunSpec:
    """Specification of a job's work; JSON-ready."""

    job_id: str
    """Id of the job, for the card."""
    request: JsonObject
    workdir: str
    """Directory of this attempt alone; a training state in it is resumed."""
    staging: str
    """Directory of this attempt alone, in the file system of the published models, for the finished model."""
    checkpoints: str
    threads: int
    save_seconds: float
    """Seconds between two saves of the training state."""
    training: InputFile | None = None
    validation: InputFile | None = None
    more_files: dict[str, InputFile] = field(default_factory=dict)
    """Other files that the request names, by field."""
    memory_bytes: int | None = None
    """Memory that the work is expected to need, for a launcher that looks for a place with so much."""
    log_level: str = "info"
    log_format: str = "auto"


@dataclass(frozen=True)
class OutputFile:
    """A file that the work made, which becomes one of the service's."""

    path: str
    """Where it lies, in the attempt's working directory."""
    name: str
    bucket: str
    """What of the result it holds."""
    sha256: str
    bytes: int
    content_bytes: int
    """Size of what it holds, decompressed."""


@dataclass(frozen=True)
class Reported:
    """Message: progress of the work."""

    progress: JsonObject
    """Phase, step, steps, epoch, fraction, tokens per second, seconds left, metrics."""


@dataclass(frozen=True)
class Measured:
    """Message: metrics of a training step."""

    step: int
    values: dict[str, float | None]


@dataclass(frozen=True)
class Resumed:
    """Message: the training resumes after this step, and measures later steps again."""

    step: int


@dataclass(frozen=True)
class Done:
    """End: the work is complete."""

    staged: str | None
    """Directory, in `staging`, of a model to be published; None where the job makes none."""
    result: JsonObject = field(default_factory=dict)
    """Result besides a model."""
    files: list[OutputFile] = field(default_factory=list)
    """Files that the service is to keep."""


@dataclass(frozen=True)
class Failed:
    """End: the work failed, and would fail again."""

    code: str
    message: str


@dataclass(frozen=True)
class Stopped:
    """End: the work stopped on request, after saving its state."""


@dataclass(frozen=True)
class Lost:
    """End: the work was killed, crashed or became unreachable. Another attempt may succeed."""

    reason: str


End: TypeAlias = Done | Failed | Stopped | Lost
Message: TypeAlias = Reported | Measured | Resumed | End
_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Reported, Measured, Resumed, Done, Failed, Stopped, Lost)
}


class JobRun(Protocol):
    """Work in progress."""

    def poll(self, seconds: float) -> list[Message]:
        """Return the messages since the last call, waiting up to `seconds` for one. The end comes last, once."""

    def processor_seconds(self) -> float | None:
        """Return the processor time that the work has used so far, in seconds; None where that is not known."""

    def stop(self, seconds: float) -> None:
        """Tell the work to save its state and stop; kill it after `seconds`. `poll` then reports its end."""


class Launcher(Protocol):
    """Starter of runs."""

    def start(self, spec: RunSpec) -> JobRun:
        """Start the work; several threads may do so at once."""

    def close(self) -> None:
        """Let go of what is kept between runs."""


def message_to_json(message: Message) -> JsonObject:
    """Convert a message to JSON-ready data."""
    content = {"kind": type(message).__name__, **asdict(message)}
    if not content.get("files", True):  # which older workers do not know
        del content["files"]
    return content


def message_from_json(data: JsonObject) -> Message:
    """Convert data of `message_to_json` back to a message."""
    values = dict(data)
    kind = _KINDS[values.pop("kind")]
    if kind is Done:
        values["files"] = [OutputFile(**file) for file in values.get("files", ())]
    return kind(**values)


def run_spec_from_json(data: JsonObject) -> RunSpec:
    """Convert `asdict(run_spec)` back to a RunSpec."""
    inputs = {name: InputFile(**data[name]) for name in ("training", "validation") if data[name] is not None}
    more = {name: InputFile(**file) for name, file in data.get("more_files", {}).items()}
    return RunSpec(**{**data, **inputs, "more_files": more})
