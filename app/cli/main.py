"""Entry point of the `nextword` command line: runs a command and turns every error into one line.

Exit statuses: 0, 1 for a failure, 2 for wrong arguments, 130 after Ctrl-C. Commands are modules of `app/cli/commands`,
imported when they are called.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from types import FrameType

import click

from app.cli.plain_errors import describe
from app.core.plain_lines import protect_streams
from app.core.process_tuning import (
    import_without_gc,
    limit_blas_threads,
    limit_openmp_spinning,
)
from models.errors import InvalidInput, NextwordError

COMMAND_HELP = {
    "train": "Make a model of texts, or of labelled files, and publish it.",
    "counts": "Show the counts of an n-gram model, or merge those of several into a new one.",
    "mix": "Make a model of published ones: a mixture, or a cache over one.",
    "convert": "Publish an n-gram model in fewer bits.",
    "import": "Publish an n-gram model in ARPA text, as KenLM and SRILM write it.",
    "export": "Write a model, or its tokenizer, for other programs.",
    "evaluate": "Measure how well MODEL predicts a text, or does its task on labelled files.",
    "score": "Score lines from standard input, one result a line.",
    "select": "Score the records of files, and write those worth keeping.",
    "calibrate": "Find thresholds of the gibberish check, from harmless prompts.",
    "tune": "Find weights of rescoring, from n-best lists with references.",
    "generate": "Continue a prompt, or begin a text.",
    "next": "Show the most probable next tokens after a context.",
    "classify": "Classify texts: the label of each, and which words carried it.",
    "tag": "Tag the tokens of texts.",
    "fill": "Fill in the blanks of texts.",
    "answer": "Answer questions about a text.",
    "embed": "Print the vectors of texts.",
    "models": "List the published models.",
    "serve": "Serve the published models over HTTP.",
    "worker": "Run the jobs submitted over HTTP.",
    "jobs": "Submit jobs to a service, follow and cancel them.",
    "keys": "Make API keys of the service, list and revoke them.",
    "doctor": "Look at what a service needs, and say how to mend what is wrong.",
    "pull": "Copy a published model from a service or an object store.",
    "push": "Publish a model in an object store.",
    "backup": "Copy models, files, jobs and keys of a service into one archive.",
    "restore": "Put the content of a backup back.",
    "compare": "Compare families of models and ways to train them on a text.",
    "compile": "Compile the hot loops now rather than when first used.",
}

_HOMES = {
    "keys": ("access.keys", "command"),
    "doctor": ("operations.doctor", "command"),
    "pull": ("operations.pull", "pull_command"),
    "push": ("operations.pull", "push_command"),
    "backup": ("operations.backup", "backup_command"),
    "restore": ("operations.backup", "restore_command"),
    "import": ("derived.arpa", "import_command"),
    "export": ("derived.arpa", "export_command"),
    **{name: (f"derived.{name}", "command") for name in ("convert", "counts", "mix")},
    **{name: (f"tasks.{name}", "command") for name in ("classify", "tag", "fill", "answer", "embed")},
}
"""Module and function of commands whose module has another name; the others are `command` in the module of theirs."""


class _LazyGroup(click.Group):
    """Group that imports a command when it runs: many of them need torch, whose import takes seconds."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMAND_HELP)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMAND_HELP:
            return None
        module, function = _HOMES.get(cmd_name, (cmd_name, "command"))
        command: click.Command = getattr(import_without_gc(f"app.cli.commands.{module}"), function)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMAND_HELP.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("nextword"), message="%(prog)s %(version)s")
def cli() -> None:
    """Train, compare and serve small language models.

    MODEL is a name (its newest version), name@version, or the path of a checkpoint.
    """


def main() -> None:
    """Run the command line and end the process."""
    signal.signal(signal.SIGTERM, _terminate)
    protect_streams()
    limit_openmp_spinning()
    limit_blas_threads()
    sys.exit(run(sys.argv[1:]))


def _terminate(number: int, _frame: FrameType | None) -> None:
    # As an exception, so that a command removes its partial files on the way out.
    sys.exit(128 + number)


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit status; commands find the arguments as `click.Context.obj`."""
    try:
        # Not `cli(...)`: that would end the process when a pipe is closed, with a status that means failure.
        with cli.make_context("nextword", arguments, obj=arguments) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _print_error(describe(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _print_error("stopped", 130)
    except BrokenPipeError:
        # The reader closed the pipe; buffered output would break it again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (NextwordError, OSError, MemoryError, ModuleNotFoundError) as error:
        return _print_error(describe(error), 2 if isinstance(error, InvalidInput) else 1)
    return 0


def _print_error(message: str, status: int) -> int:
    click.echo(f"nextword: {message}", err=True)
    return status


if __name__ == "__main__":
    main()
