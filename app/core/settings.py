"""Settings: every setting of the service, with its default, range and purpose.

`create_app` and the command line build one `Settings` and hand it down; nothing else reads the environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.container_limits import memory_quota
from app.core.host_names import is_loopback, split_names, split_origins
from app.core.plain_messages import explain, locate
from models.checkpoint.model_name import parse_model
from models.errors import InvalidInput

MIB = 1024 * 1024
STORE_URL = re.compile(r"(s3|s3a|gs|az|azure|abfs|abfss|file)://[^\s@?#]+")
"""Addresses of object stores; keys come from the usual environment variables, or from the machine's role."""
SECRETS = Path("/run/secrets")
"""Where container engines put secrets: a file `nextword_<name>` there is the value of a setting."""


def _checked_by(split: Callable[[str], object]) -> Callable[[str], str]:
    """Return a validator that keeps a text which `split` can read."""

    def check(text: str) -> str:
        split(text)
        return text

    return check


def split_models(text: str) -> frozenset[str]:
    """Return the models of a text, which are between commas. Raises ValueError for what names none."""
    models = frozenset(part for part in map(str.strip, text.split(",")) if part)
    for model in models:
        parse_model(model)
    return models


def _server_address(text: str | None) -> str | None:
    """Return the address of a server; None for an empty text, as environment variables have it."""
    if text and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):  # a password in it would reach the log
        raise ValueError("must be an address such as `http://collector:4318`, without user and password")
    return text or None


def _cluster_address(text: str | None) -> str | None:
    """Return where a Ray cluster is; None for an empty text."""
    if text and not re.fullmatch(r"auto|[^\s/]+:\d{1,5}", text):
        raise ValueError("must be `auto` or the address of a head such as `head:6379`")
    return text or None


def _store_address(text: str | None) -> str | None:
    """Return the address of an object store; None for an empty text, as environment variables have it."""
    if text and not STORE_URL.fullmatch(text):
        raise ValueError("must be as `s3://bucket/models`, without keys")
    return text or None


def _sendable(key: SecretStr) -> SecretStr:
    """Return a key that a header can hold."""
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise ValueError("must be printable ASCII without blanks")
    return key


class Settings(BaseSettings):
    """Settings from environment variables `NEXTWORD_<NAME>` or files of secrets; arguments win over them."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTWORD_",
        frozen=True,
        extra="forbid",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        validate_by_name=True,
        validate_by_alias=True,
    )

    checkpoints: Path = Field(Path("checkpoints"), description="Folder of published models: <name>/<version>/.")
    data: Path = Field(Path("data"), description="Folder for what the service itself writes.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: Annotated[str, AfterValidator(_checked_by(split_names))] = Field(
        "",
        description="Names by which clients ask for the server, beside loopback ones and `host`, between commas: "
        "`models.example.org,*.lan`; `*`: any.",
    )
    cors_origins: Annotated[str, AfterValidator(_checked_by(split_origins))] = Field(
        "",
        description="Origins of other web pages that may use the server, between commas: `https://app.example.org`; "
        "`*`: any; unset: none.",
    )
    api_keys_file: Path | None = Field(
        None, description="File of API keys beside those of `nextword keys`, as a container's secret: see the guide."
    )
    insecure: bool = Field(
        False,
        description="Whether, as long as there is no API key, everybody is served who reaches a `host` that is not a "
        "loopback address; without it, such a server does not start.",
    )
    guard_metrics: bool = Field(True, description="Whether `/metrics` wants an API key, where there are keys.")
    guard_docs: bool = Field(
        False,
        description="Whether the pages `/` and `/docs`, and `/openapi.json`, want an API key, where there are keys.",
    )
    api_key: Annotated[SecretStr, AfterValidator(_sendable)] | None = Field(
        None, description="API key that `nextword jobs` sends; the server itself does not look at it."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error."
    )
    log_format: Literal["auto", "text", "json"] = Field(
        "auto", description="text or json, a line a record; auto: text on a terminal, JSON elsewhere."
    )
    log_prompts: bool = Field(
        False,
        description="Whether the log line of a request to a model shows the beginning of its body, which holds the "
        "prompt or text; without it, no text of a request is logged.",
    )
    otlp_endpoint: Annotated[str | None, AfterValidator(_server_address)] = Field(
        None,
        validation_alias=AliasChoices("NEXTWORD_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="Collector of OpenTelemetry that traces are sent to, by OTLP over HTTP: `http://collector:4318`; "
        "`OTEL_EXPORTER_OTLP_ENDPOINT` says it, too; unset: no traces.",
    )
    workers: int = Field(
        1, ge=1, le=256, description="Server processes on the one port; each has limits, queues and caches of its own."
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="Threads that compute, a server process; unset: as many as its share of the container's CPU quota.",
    )
    precision: Literal["int8", "float32"] = Field(
        "int8", description="What recurrent models compute in: int8 is faster, float32 exactly what was trained."
    )
    reload_seconds: float = Field(
        0.5,
        gt=0,
        le=3600,
        description="Seconds between two looks at the published models where the system does not tell of changes, and "
        "between other looks, as at aliases and keys.",
    )
    preload_models: int = Field(
        16,
        ge=0,
        description="Models that are loaded at the start, the newest version of each name first; the others are loaded "
        "by their first request.",
    )
    pinned_models: Annotated[str, AfterValidator(_checked_by(split_models))] = Field(
        "",
        description="Models that are loaded at the start and stay in memory, between commas: `name`, its newest "
        "version, or `name@version`.",
    )
    model_memory_bytes: int | None = Field(
        None,
        ge=0,
        description="Most memory of models, about: their files and 2 MB each. Those asked least recently go, and come "
        "back when they are asked; unset: half of the memory that there is.",
    )
    store: Annotated[str | None, AfterValidator(_store_address)] = Field(
        None,
        description="Object store of the machines that share a database: `s3://bucket/models`, `gs://`, `az://` or "
        "`file:///folder`. Models, uploaded files and saved states of trainings are put there, and fetched and "
        "verified where they are missing; keys come from the usual variables (`AWS_ACCESS_KEY_ID` and so on). Needs "
        "the extra `store`; unset: none.",
    )
    store_seconds: float = Field(10, gt=0, le=3600, description="Seconds between two looks at the object store.")
    map_in_place: bool = Field(
        False,
        description="Whether weights are mapped from the published files, not from a copy in the data folder: takes no "
        "room, and a file that is altered or cut short under the server makes it answer wrongly or die.",
    )
    drain_seconds: float = Field(
        0,
        ge=0,
        le=3600,
        description="Seconds that a server which is told to stop goes on taking requests while `/health/ready` already "
        "says 503: as long as a load balancer may take to see it.",
    )
    stop_seconds: int = Field(
        20, ge=0, description="Seconds that running requests may take to finish once the server takes nothing new."
    )

    max_json_bytes: int = Field(8 * MIB, ge=1024, description="Largest JSON body, in bytes.")
    max_upload_bytes: int = Field(
        512 * MIB, ge=1024, description="Largest body of another kind (plain text, records), in bytes; read in slices."
    )
    max_record_bytes: int = Field(MIB, ge=1024, description="Longest line of an uploaded file of records, in bytes.")
    max_texts: int = Field(1024, ge=1, description="Most contexts, texts or hypotheses in one request.")
    max_rows: int = Field(1_000_000, ge=1, description="Most predicted tokens in one answer (contexts times tokens).")
    max_prompt_tokens: int = Field(8192, ge=1, description="Longest prompt or context, in tokens.")
    max_tokens: int = Field(4096, ge=1, description="Most tokens that one generated text may have.")
    max_choices: int = Field(16, ge=1, description="Most texts generated for one prompt (`n`).")
    max_running: int = Field(64, ge=1, description="Texts generated at the same time, a model; later ones wait.")
    max_waiting: int = Field(
        16, ge=0, description="Texts that may wait for their turn, a kind of model; more are refused with status 429."
    )
    max_pending_tokens: int = Field(
        1_000_000, ge=1, description="Most tokens to be read or written by all that is under way or waits, a kind."
    )
    max_requests: int = Field(
        1024,
        ge=1,
        description="Requests under way at the same time whose body has come; as many again that read what there is.",
    )
    max_pending_bytes: int = Field(
        256 * MIB, ge=1024, description="Most bytes that have come of the JSON bodies of all requests under way."
    )
    request_seconds: float = Field(
        600, gt=0, description="Seconds that a request to a model may take where it does not say how long itself."
    )
    max_request_seconds: float = Field(24 * 3600, gt=0, description="Most seconds that a request may ask for.")
    max_connections: int = Field(
        4096,
        ge=16,
        description="Connections open at the same time, fewer where the descriptor limit is low; those that stand "
        "still make room for new ones.",
    )
    body_idle_seconds: float = Field(
        30, gt=0, description="Seconds in which nothing of an awaited body comes, after which its request ends."
    )
    min_body_rate: int = Field(
        64,
        ge=0,
        description="Least bytes a second of a body, on average after those seconds, but for text and records "
        "that are answered as they come; 0: any.",
    )
    head_seconds: float = Field(
        20,
        gt=0,
        description="Seconds in which the head of a request must have come, and the first one of a connection.",
    )
    early_reject: bool = Field(
        True, description="Whether a request without room is refused before its body is read, at a third of the cost."
    )
    reader_seconds: float = Field(
        30, gt=0, description="Seconds that a client may leave its answer unread before the answer is ended."
    )

    prefix_cache_bytes: int = Field(
        64 * MIB, ge=0, description="Most memory, per recurrent model, of states after prompts read before; 0: none."
    )

    database_url: str | None = Field(
        None, description="Where jobs are kept: postgresql+psycopg://...; unset: a SQLite file in the data folder."
    )
    max_file_bytes: int = Field(4096 * MIB, ge=1024, description="Largest uploaded training text, in bytes.")
    keep_unused_files_days: float | None = Field(
        None, gt=0, description="Days after which an uploaded file is deleted that no job has needed; unset: never."
    )
    keep_finished_jobs_days: float | None = Field(
        None,
        gt=0,
        description="Days after its end that a job is deleted, with its events and metrics; its model stays; "
        "unset: never.",
    )
    keep_versions: int | None = Field(
        None,
        ge=1,
        description="Newest versions of each model that are kept; older ones are deleted unless something refers to "
        "them; unset: all, but for `keep_versions_days`.",
    )
    keep_versions_days: float | None = Field(
        None,
        gt=0,
        description="Days that every version of a model is kept; older ones are deleted unless they are the newest, "
        "among `keep_versions`, or something refers to them; unset: forever, but for `keep_versions`.",
    )
    max_job_parameters: int = Field(200_000_000, ge=1, description="Largest model that a job may ask for, in numbers.")
    max_job_memory_bytes: int | None = Field(
        None, ge=1, description="Most memory that a job may be expected to need; unset: four fifths of what there is."
    )
    max_job_seconds: float = Field(7 * 24 * 3600, gt=0, description="Longest that a job may be expected to take.")
    job_threads: int | None = Field(
        None, ge=1, description="Threads of a job, at the lowest priority; unset: the CPU quota less one, at least one."
    )
    job_niceness: int = Field(
        19, ge=0, le=19, description="How readily a job leaves the processor to the service: 0 (not at all) to 19."
    )
    job_slots: int | None = Field(
        None,
        ge=1,
        description="Jobs that a worker does at once, as far as their memory goes together; unset: as many as have "
        "`job_threads` each on the cores to spare.",
    )
    job_warm_seconds: float = Field(
        60,
        ge=0,
        description="Seconds that a worker without jobs keeps a process that has loaded what they need, from which "
        "theirs are forked; 0: each starts from nothing, in some seconds of processor time.",
    )
    job_attempts: int = Field(3, ge=1, description="How often a job is begun whose worker or process is lost.")
    job_save_seconds: float = Field(30, gt=0, description="Seconds between two saved states of a training.")
    ray_address: Annotated[str | None, AfterValidator(_cluster_address)] = Field(
        None,
        description="Ray cluster that does a worker's jobs: `auto`, or the address of its head (`head:6379`), where "
        "the worker's machine is a node of it; unset: the worker's machine does them.",
    )
    lease_seconds: float = Field(30, gt=0, description="Seconds without a heartbeat until another worker takes over.")
    heartbeat_seconds: float = Field(1, gt=0, description="Seconds between two heartbeats of a worker.")

    @property
    def verified_hashes(self) -> Path:
        """File that remembers which files of models were verified."""
        return self.data / "verified.json"

    @property
    def job_memory_bytes(self) -> int:
        """Most memory that jobs may be expected to need, in bytes."""
        return self.max_job_memory_bytes or memory_quota() * 4 // 5

    @property
    def opens_without_keys(self) -> bool:
        """Whether everybody is served while there is no API key, as on loopback addresses."""
        # Who reaches one is on this machine. Other names below localhost are loopback to browsers; where a server
        # listens, a resolver decides.
        return self.insecure or (is_loopback(self.host) and not self.host.endswith(".localhost"))

    def environment(self) -> dict[str, str]:
        """Return the environment variables that give another server process these settings."""
        values = {name: value for name, value in self.model_dump(exclude={"api_key"}).items() if value is not None}
        return {f"NEXTWORD_{name.upper()}": str(value) for name, value in values.items()}


def load_settings(**overrides: Any) -> Settings:
    """Build settings from `overrides`, None counting as unset, and otherwise from the environment.

    Raises InvalidInput for a value that is not acceptable, naming the setting.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(locate(first["loc"]), explain(first)) from None
