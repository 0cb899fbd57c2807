"""Generated parts of the documentation: settings, command line, models, and calls of every route.

`python -m tools.reference` writes them into docs/ and README.md; a test holds them to what this module returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from app.cli.dataclass_options import MAIN_SECTION, HelpRecord, SectionedCommand
from app.cli.figures import task_headline
from app.cli.main import cli
from app.core.settings import Settings
from models.checkpoint.card import CARD_FILE, Card
from models.checkpoint.repository import CheckpointRef, list_checkpoints
from tools.clients import pages
from tools.documents import replace_between

CHECKPOINTS = Path("checkpoints")
SETTINGS_PAGE = Path("docs/reference/settings.md")
COMMANDS_PAGE = Path("docs/reference/command-line.md")
MODEL_PAGES = (Path("README.md"), Path("docs/benchmarks/index.md"))
_EXAMPLE_COUNTS = ("examples", "sentences", "questions", "token_count")
"""Names of the figure that tells how much was measured, by task."""
UNITS = {
    "word": "words",
    "character": "characters",
    "bpe": "parts of words",
    "unigram": "parts of words",
    "file": "tokens",
}


def main() -> None:
    """Write all generated parts."""
    update(SETTINGS_PAGE, "settings", settings_table())
    update(COMMANDS_PAGE, "commands", command_sections())
    for page in MODEL_PAGES:
        update(page, "models", model_table())
    pages.main()


def update(page: Path, name: str, content: str) -> None:
    """Put `content` between the marks `name` of a page."""
    page.write_text(replace_between(page.read_text(encoding="utf-8"), name, content), encoding="utf-8")


def settings_table() -> str:
    """Return the table of all settings, with defaults and meanings."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `NEXTWORD_{name.upper()}` | {default} | {_escape(field.description or '')} |\n")
    return "| Variable | Default | Meaning |\n|---|---|---|\n" + "".join(rows)


def model_table() -> str:
    """Return the tables of the shipped models that were measured: language models, then others."""
    cards = [(ref, Card.read(ref.path / CARD_FILE)) for ref in list_checkpoints(CHECKPOINTS)]
    measured = [(ref, card, card.provenance.metrics.get("validation", {})) for ref, card in cards]
    texts = [_model_row(ref, card) for ref, card, held_out in measured if "document" in held_out]
    tasks = [_task_row(ref, card) for ref, card, held_out in measured if held_out and "document" not in held_out]
    text_head = (
        "| model | kind | vocabulary | parameters | size | perplexity | in int8 | bits a character "
        "| held-out tokens, unknown |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    task_head = (
        "\n| model | kind | vocabulary | parameters | size | on held-out examples | in int8 | examples |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    return text_head + "".join(texts) + (task_head + "".join(tasks) if tasks else "")


def _model_row(ref: CheckpointRef, card: Card) -> str:
    """Describe a language model: the perplexity of each unit that its tokenizer has."""
    held_out = card.provenance.metrics["validation"]
    perplexity = ", ".join(f"{figures['perplexity']:.2f} ({unit})" for unit, figures in held_out.items())
    document = held_out["document"]
    int8 = card.provenance.metrics.get("int8", {}).get("document", {}).get("perplexity_increase")
    cells = (
        *_common_cells(ref, card),
        perplexity,
        "" if int8 is None else f"{int8:+.2%}",
        f"{document['bits_per_character']:.3f}",
        f"{document['token_count']:,}, {document['oov_count']:,}",
    )
    return f"| {' | '.join(cells)} |\n"


def _task_row(ref: CheckpointRef, card: Card) -> str:
    """Describe a task's model: the figures of its task."""
    held_out, int8 = (card.provenance.metrics.get(name, {}) for name in ("validation", "int8"))
    count = next((held_out[name] for name in _EXAMPLE_COUNTS if name in held_out), 0)
    cells = (*_common_cells(ref, card), task_headline(held_out), task_headline(int8), f"{count:,}")
    return f"| {' | '.join(cells)} |\n"


def _common_cells(ref: CheckpointRef, card: Card) -> tuple[str, ...]:
    """Return what is told of every model."""
    size = sum(path.stat().st_size for path in ref.path.iterdir())
    vocabulary = f"{card.vocabulary_size:,} {UNITS[card.tokenizer['kind']]}"
    return f"`{ref.name}`", card.kind, vocabulary, f"{card.parameters:,}", f"{size / 1e6:.1f} MB"


def command_sections() -> str:
    """Return a section of Markdown for each command, with its arguments and options."""
    return "".join(_command_section(context) for context in _contexts(cli, None, "nextword"))


def _contexts(command: click.Command, parent: click.Context | None, name: str) -> Iterator[click.Context]:
    """Walk through a command and its subcommands, without running any."""
    context = click.Context(command, parent=parent, info_name=name, **command.context_settings)
    if parent is not None:
        yield context
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _contexts(found, context, child)


def _command_section(context: click.Context) -> str:
    command = context.command
    level = "##" if context.parent is None or context.parent.parent is None else "###"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    tables = "".join(_option_table(title, records) for title, records in _sections(context).items())
    return f"{level} {context.command_path}\n\n```text\n{usage}\n```\n\n{_paragraphs(command.help or '')}{tables}"


def _sections(context: click.Context) -> dict[str, list[HelpRecord]]:
    """Return the options of each section of a command's help; most have one section."""
    command = context.command
    if isinstance(command, SectionedCommand):
        own = {option.get_help_record(context) for option in command.params}
        return {
            title: [record for record in records if title != MAIN_SECTION or record in own]
            for title, records in command.sections(context).items()
        }
    return {MAIN_SECTION: [record for option in command.params if (record := option.get_help_record(context))]}


def _option_table(title: str, records: list[HelpRecord]) -> str:
    """Return the table of a section; the main one needs no title."""
    rows = "".join(f"| {_code(flag)} | {_escape(text)} |\n" for flag, text in records if text)
    heading = "Option" if title == MAIN_SECTION else title
    return f"| {heading} | Meaning |\n|---|---|\n{rows}\n" if rows else ""


def _paragraphs(text: str) -> str:
    """Return the paragraphs of a help text, each on a line of its own."""
    return "".join(f"{_escape(paragraph)}\n\n" for paragraph in re.split(r"\n\s*\n", text.strip()))


def _code(text: str) -> str:
    """Mark a flag as code within a table, whose columns a bar would end; a line may end after each choice."""
    return f"<code>{_entities(text).replace('&#124;', '&#124;<wbr>')}</code>"


def _escape(text: str) -> str:
    """Keep what stands outside of backticks from being read as HTML, a link or the end of a column."""
    parts = " ".join(text.split()).split("`")
    return "`".join(part if i % 2 else _entities(part) for i, part in enumerate(parts))


def _entities(text: str) -> str:
    for character in "&<|[]":
        text = text.replace(character, f"&#{ord(character)};")
    return text


if __name__ == "__main__":
    main()
