"""`nextword backup` and `nextword restore`: everything that a service keeps, in one archive, and back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from app.cli.archive import read_archive, write_archive
from app.core.settings import load_settings
from app.storage.database import open_database

_ARCHIVE = click.argument("archive", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@_ARCHIVE
def backup_command(archive: Path) -> None:
    """Copy models, uploaded files, jobs, aliases and API keys of a service into the tar file ARCHIVE.

    Which service, its settings say: NEXTWORD_CHECKPOINTS, NEXTWORD_DATA, NEXTWORD_DATABASE_URL. It may run meanwhile.
    """
    settings = load_settings()
    with closing(open_database(settings)) as database:
        write_archive(archive, settings, database)
    click.echo(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")


@click.command()
@_ARCHIVE
def restore_command(archive: Path) -> None:
    """Put the content of ARCHIVE into a service that has no model, file, job or key yet, and does not run.

    Its settings may name another kind of database than that which the backup was made of.
    """
    settings = load_settings()
    with closing(open_database(settings)) as database:
        read_archive(archive, settings, database)
    click.echo(f"put back into {settings.checkpoints} and {settings.data}")
