"""`nextword jobs`: submit jobs to a running service over HTTP, list, follow and cancel them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from app.cli.figures import held_out_lines, task_headline, typing_lines
from app.cli.found_values import found_lines
from app.cli.http_client import ServiceClient, ServiceError
from app.cli.progress_bar import ProgressBar
from app.cli.shared_options import json_option
from app.cli.text_input import encoding_option
from app.core.settings import load_settings
from models.errors import InvalidInput
from models.utils.progress import Progress

_COLUMNS = "{:<30} {:<8} {:<11} {:>8}  {}"
_MEASURING = ("evaluate", "calibrate", "tune")
"""Kinds of jobs that measure a published model; `--config` has their other fields."""
_OF_RECORDS = ("score", "select")
"""Kinds of jobs that read records, and write files of them."""
_TEXT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
@click.option("--url", help="The service. [default: http://127.0.0.1:8000, or by NEXTWORD_HOST and NEXTWORD_PORT]")
@click.option(
    "--api-key", help="API key with the scope train. [default: NEXTWORD_API_KEY, which no list of processes shows]"
)
@click.pass_context
def command(context: click.Context, url: str | None, api_key: str | None) -> None:
    """Submit jobs to a service, follow and cancel them."""
    settings = load_settings(api_key=api_key)
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    context.obj = ServiceClient(url or f"http://{settings.host}:{settings.port}", key)


def _parse_pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Parse `order=3` to {"order": 3}; a value that is not JSON is text."""
    del context
    pairs = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not name=value", param=parameter)
        try:
            pairs[name] = json.loads(text)
        except ValueError:
            pairs[name] = text
    return pairs


@command.command()
@click.argument("text", type=_TEXT)
@click.option(
    "--name",
    help="The model's name; with --kind evaluate, calibrate, tune, score or select, that of a published one.",
    required=True,
)
@click.option(
    "--kind",
    default="ngram",
    help="ngram, rnn, lstm, gru; mixture, cache, neural_cache; a task's kind, as classifier; import, of "
    "ARPA text; evaluate; calibrate, on harmless prompts; tune, on n-best lists; "
    "score or select, of records. [default: ngram]",
)
@click.option(
    "--member",
    "members",
    multiple=True,
    help="A published model to mix, below a cache, to tune beside, or to judge against; TEXT fits it.",
)
@click.option("--validation", type=_TEXT, help="A text to measure on. [default: the last twentieth of TEXT]")
@click.option(
    "-c",
    "--config",
    multiple=True,
    callback=_parse_pairs,
    metavar="NAME=VALUE",
    help="Field of the model, or of what is measured.",
)
@click.option(
    "-t",
    "--tokenizer",
    multiple=True,
    callback=_parse_pairs,
    metavar="NAME=VALUE",
    help="A field of the tokens'; file=PATH is uploaded.",
)
@click.option(
    "--encoder", multiple=True, callback=_parse_pairs, metavar="NAME=VALUE", help="Field of a task's network."
)
@click.option(
    "--training", multiple=True, callback=_parse_pairs, metavar="NAME=VALUE", help="Field of a task's training."
)
@click.option(
    "--format",
    multiple=True,
    callback=_parse_pairs,
    metavar="NAME=VALUE",
    help="Field of the format of labelled files.",
)
@click.option("--licence", help="Licence of the text, for the model's card.")
@click.option(
    "--allow-unnormalized", is_flag=True, help="Of imports: publish a model whose probabilities do not sum to one."
)
@encoding_option
@click.option("--follow/--no-follow", default=True, help="Whether to wait for its end. [default: follow]")
@json_option
@click.pass_obj
def submit(
    client: ServiceClient,
    /,
    text: Path,
    validation: Path | None,
    encoding: str,
    follow: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Upload TEXT and submit a job on it: -c order=3 for an n-gram model, -c epochs=4 for an LSTM."""
    if options["kind"] in _OF_RECORDS:
        body = {**_records(options), "files": [client.upload(text)]}
    elif options["kind"] in _MEASURING:
        body = {**_measurement(options), "validation_file": client.upload(text, encoding)}
    else:
        body = _training(client, text, validation, encoding, options)
    job = client.post("/v1/jobs", body)
    if not follow:
        _print_job(job, as_json)
        return
    verb = "measures" if options["kind"] in _MEASURING else "asks" if options["kind"] in _OF_RECORDS else "makes"
    click.echo(f"{job['id']} {verb} {job['model']}", err=True)
    _follow(client, job["id"], as_json)


def _records(options: dict[str, Any]) -> dict[str, Any]:
    """Return the request of a job of records, without its file; a member is judged against."""
    if len(options["members"]) > 1:
        raise InvalidInput("member", "one is accepted for --kind score and select: the model to judge against")
    against = {"against": options["members"][0]} if options["members"] else {}
    return {"kind": options["kind"], "model": options["name"], "config": options["config"], **against}


def _measurement(options: dict[str, Any]) -> dict[str, Any]:
    """Return the request of a job that measures a published model, without its file."""
    body = {"kind": options["kind"], "model": options["name"], **options["config"]}
    if options["members"]:
        body["models"] = list(options["members"])
    return body | ({"format": options["format"]} if options["format"] else {})


def _training(
    client: ServiceClient, text: Path, validation: Path | None, encoding: str, options: dict[str, Any]
) -> dict[str, Any]:
    """Return the request of a job that makes a model; its files are uploaded."""
    body = {name: value for name, value in options.items() if value}
    tokenizer_file = options["tokenizer"].get("file")
    if tokenizer_file is not None and Path(str(tokenizer_file)).is_file():
        body["tokenizer"] = options["tokenizer"] | {"file": client.upload(Path(tokenizer_file))}
    if options["kind"] == "import":
        return body | {"file": client.upload(text)}
    if options["members"]:
        return body | {"validation_file": client.upload(text, encoding)}
    body["training_file"] = client.upload(text, encoding)
    return body if validation is None else body | {"validation_file": client.upload(validation, encoding)}


@command.command("list")
@click.option("--status", help="Only jobs with this status: queued, running, succeeded, failed, ...")
@click.option("--limit", type=click.IntRange(1, 100), default=20, help="Most jobs to list. [default: 20]")
@json_option
@click.pass_obj
def list_jobs(client: ServiceClient, status: str | None, limit: int, as_json: bool) -> None:
    """List the jobs, newest first."""
    page = client.get("/v1/jobs", status=status, limit=limit)
    if as_json:
        click.echo(json.dumps(page))
        return
    if page["data"]:
        click.echo(_COLUMNS.format("JOB", "KIND", "STATUS", "DONE", "MODEL"))
    for job in page["data"]:
        click.echo(_COLUMNS.format(job["id"], job["kind"], job["status"], _fraction_done(job), job["model"]))


@command.command()
@click.argument("job")
@json_option
@click.pass_obj
def show(client: ServiceClient, job: str, as_json: bool) -> None:
    """Show the status of JOB."""
    _print_job(client.get(f"/v1/jobs/{job}"), as_json)


@command.command()
@click.argument("job")
@json_option
@click.pass_obj
def follow(client: ServiceClient, job: str, as_json: bool) -> None:
    """Show the progress of JOB until it is over; Ctrl-C leaves it alone."""
    _follow(client, job, as_json)


@command.command()
@click.argument("job")
@json_option
@click.pass_obj
def cancel(client: ServiceClient, job: str, as_json: bool) -> None:
    """Cancel JOB; nothing of it is published."""
    _print_job(client.post(f"/v1/jobs/{job}/cancel"), as_json)


def _follow(client: ServiceClient, job_id: str, as_json: bool) -> None:
    """Show the progress of a job until it is over. Raises ServiceError unless it succeeded."""
    bar = ProgressBar()
    try:
        for event in client.follow_job(job_id):
            if event.event == "progress":
                bar.show(_progress(event.data))
            elif event.event == "waiting":
                click.echo(event.data["message"], err=True)
            elif event.event in ("lost", "released", "renumbered"):
                click.echo(f"{event.event}: {event.data.get('reason', event.data.get('model', ''))}", err=True)
    finally:
        bar.close()
    job = client.get(f"/v1/jobs/{job_id}")
    _print_job(job, as_json)
    if job["status"] != "succeeded":
        raise ServiceError(f"{job_id} {job['status']}")


def _progress(data: dict[str, Any]) -> Progress:
    values = {field.name: data[field.name] for field in fields(Progress)}
    values["metrics"] = {name: value for name, value in data["metrics"].items() if value is not None}
    return Progress(**values)


def _fraction_done(job: dict[str, Any]) -> str:
    """Format the position in the queue, or the finished share of the current phase."""
    if job["status"] == "queued":
        return f"#{job['queue_position']}"
    return f"{job['progress']['fraction']:.0%}" if job["progress"] and job["status"] == "running" else ""


def _print_job(job: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(job))
        return
    click.echo(f"{job['id']}  {job['status']}  {job['model']}")
    if job.get("waiting"):
        click.echo(job["waiting"])
    if job["error"]:
        click.echo(f"{job['error']['code']}: {job['error']['message']}")
    result = job["result"] or {}
    for note in [*result.get("notes", []), *(result.get("metrics") or {}).get("notes", [])]:
        click.echo(f"note: {note}", err=True)
    for line in _result_lines(result):
        click.echo(line)


def _result_lines(result: dict[str, Any]) -> Iterator[str]:
    """Yield the figures of a job that succeeded."""
    yield from held_out_lines((result.get("metrics") or {}).get("validation") or {})
    if "perplexity" in result:
        yield f"perplexity {result['perplexity'] or float('inf'):.2f} by {result['unit']}"
        yield from typing_lines(result)
    elif headline := task_headline(result):
        yield headline
    yield from found_lines(result)
