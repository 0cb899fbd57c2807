"""`nextword import` and `nextword export`: models from and to the formats of other programs."""

from __future__ import annotations

import gzip
import shlex
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args

import click

from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import (
    checkpoints_option,
    find_checkpoint,
    json_option,
    model_argument,
    print_published,
    quiet_option,
)
from app.core.process_tuning import without_gc
from models.errors import InvalidInput
from models.neural.config import NetworkFormat
from models.ngram.config import ExportFormat
from models.recipes.import_recipe import ImportRecipe
from models.tokenization.config import TokenizerConfig

TRANSFORMERS = "transformers"
"""Format of a tokenizer; the others are formats of models."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What to publish the model as.")
@click.option("--lowercase", is_flag=True, help="Texts are lower-cased before they are looked up.")
@click.option("--tokenized/--untokenized", default=None, help="Whether only blanks separate tokens. [default: they do]")
@click.option(
    "--tokenizer",
    "tokenizer_file",
    type=click.Path(path_type=Path),
    help="File of the tokenizer whose tokens FILE is made of: tokenizer.json, SentencePiece's .model, a word list.",
)
@click.option("--boundary", help="The token of that tokenizer that stands between texts, where several might.")
@click.option("--licence", default="unknown", help="Licence of the text it was trained on.")
@click.option(
    "--allow-unnormalized",
    is_flag=True,
    help="Publish a model whose probabilities do not sum to one; its card and answers say so.",
)
@checkpoints_option
@quiet_option
@json_option
@click.pass_obj
def import_command(
    arguments: list[str],
    /,
    file: Path,
    name: str,
    lowercase: bool,
    tokenized: bool | None,
    tokenizer_file: Path | None,
    boundary: str | None,
    licence: str,
    allow_unnormalized: bool,
    checkpoints: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Publish the n-gram model in FILE, ARPA text that may be compressed (gzip, bzip2, xz, zstd).

    Its words become the vocabulary. What smoothing made it is not known; the card calls it back-off, which it is. The
    probabilities after every context are added up, and must come to one.

    FILE may be a binary of KenLM where that library is installed (the extra `kenlm`); it then does the scoring, and
    there are no next words. It trusts its files: import none from someone you would not run a program of.
    """
    tokenizer = TokenizerConfig(
        lowercase=lowercase,
        pretokenized=tokenizer_file is None if tokenized is None else tokenized,
        file=None if tokenizer_file is None else str(tokenizer_file),
        boundary=boundary,
    )
    recipe = ImportRecipe(name, file, tokenizer, licence, allow_unnormalized)
    with without_gc():
        from models.checkpoint.save import save
        from models.ngram.formats.model_file import is_kenlm_binary
        from models.recipes.import_model import import_kenlm_binary, import_model

    is_binary = is_kenlm_binary(file)
    imported = import_kenlm_binary(recipe) if is_binary else drive(import_model(recipe), ProgressBar(quiet))
    provenance = imported.provenance(shlex.join(["nextword", *arguments]))
    ref = save(checkpoints, name, imported.model, imported.tokenizer, provenance)
    print_published(ref, imported.model.kind, imported.metrics, as_json)


@click.command()
@model_argument
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "export_format",
    type=click.Choice([*get_args(ExportFormat), *get_args(NetworkFormat), TRANSFORMERS]),
    default="arpa",
    help="ARPA text; its words alone; a bigram model as OpenFst text, for LODR; the symbols of that; a recurrent model "
    "as ONNX, for sherpa-onnx; the tokenizer of any model as a folder for transformers. [default: arpa]",
)
@checkpoints_option
def export_command(model: str, file: Path, export_format: Any, checkpoints: Path) -> None:
    """Write MODEL to FILE for other programs, compressed where the name ends in .gz.

    ONNX is for recurrent models, and needs the extra `onnx`. `transformers` makes a folder FILE of the tokenizer of any
    model. The other formats are for n-gram models.
    """
    with without_gc():
        from models.checkpoint.export import export_file
        from models.checkpoint.families import FAMILIES_BY_PRECISION
        from models.checkpoint.load import load
        from models.checkpoint.transformers_folder import write_transformers_folder
        from models.utils.files import write_atomically

    ref = find_checkpoint(checkpoints, model)
    checkpoint = load(ref.path, families=FAMILIES_BY_PRECISION["int8"])  # without importing torch
    if export_format == TRANSFORMERS:
        return write_transformers_folder(checkpoint.tokenizer, file)
    file = file.resolve()  # what a link points to is written, and the link stays
    if file.exists() and not file.is_file():  # a device would be replaced by a file
        raise InvalidInput("file", f"must be a file, and {file} is {'a folder' if file.is_dir() else 'none'}")
    pieces = export_file(checkpoint, export_format, ref.id)
    try:
        with write_atomically(file) as temporary, _open_to_write(temporary) as output:
            output.writelines(pieces)
    except OSError as error:
        raise InvalidInput("file", f"{file} cannot be opened or written ({error.strerror})") from None
    return None


def _open_to_write(path: Path) -> BinaryIO:
    """Open a file to write, compressed if its name ends in .gz."""
    return cast("BinaryIO", gzip.open(path, "wb", compresslevel=6)) if path.suffix == ".gz" else path.open("wb")
