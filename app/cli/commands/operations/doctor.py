"""`nextword doctor`: look at everything that a service needs, and say how to mend what is wrong."""

from __future__ import annotations

from dataclasses import asdict

import click

from app.cli.shared_options import json_option, to_json
from app.core.process_tuning import without_gc
from app.core.settings import load_settings

_MARKS = {"ok": "ok", "warning": "look", "error": "WRONG"}


@click.command()
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look at folders, permissions, database, models' hashes, processors, clock, disk and port.

    By the settings that `nextword serve` would have here. Status 1 where something is wrong.
    """
    with without_gc():
        from app.cli.diagnosis import diagnose

    findings = []
    for finding in diagnose(load_settings()):
        findings.append(finding)
        if not as_json:
            click.echo(f"{_MARKS[finding.level]:<6} {finding.check}: {finding.message}")
            if finding.remedy:
                click.echo(f"{'':<6}   {finding.remedy}")
    if as_json:
        click.echo(to_json({"object": "list", "data": [asdict(finding) for finding in findings]}))
    if any(finding.level == "error" for finding in findings):
        context.exit(1)
