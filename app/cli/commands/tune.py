"""`nextword tune`: weights of rescoring, from n-best lists with references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.found_values import tuning_lines
from app.cli.progress_bar import ProgressBar, drive
from app.cli.shared_options import json_option, load_model, loading_options, model_argument, quiet_option, to_json
from app.cli.text_input import encoding_option
from app.core.process_tuning import without_gc
from app.schemas.trades.tune import ZERO_LOGPROB, tuning_content


@click.command()
@model_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--with", "others", multiple=True, metavar="MODEL", help="One more model; may be given several times.")
@click.option(
    "--unit",
    type=click.Choice(["words", "characters"]),
    default="words",
    help="What errors are counted in. [default: words]",
)
@click.option(
    "--zero-logprob",
    type=click.FloatRange(-1e6, 0),
    default=ZERO_LOGPROB,
    help=f"What a token counts as that a model gives no probability, in nats. [default: {ZERO_LOGPROB:g}]",
)
@encoding_option
@loading_options
@quiet_option
@json_option
def command(
    model: str,
    file: Path,
    others: tuple[str, ...],
    unit: Any,
    zero_logprob: float,
    encoding: str,
    quiet: bool,
    as_json: bool,
    **loading: Any,
) -> None:
    """Find the weights with which MODEL best ranks n-best lists, from the lists with references in FILE.

    FILE has a JSON object a line: the `reference`, and `hypotheses`, each with its `text` and the recogniser's own
    `score` (a natural logarithm); `context`, if there is any, is what was said before. Prints the weights as fields of
    a request to POST /v1/models/MODEL/rescore, and error rates: words to insert, delete or replace, over those of the
    references. The rate by these weights is measured on the lists they were found on, which flatters them; the one by
    weights of other lists is not: there each fifth of the lists is ranked by weights found on the rest.
    """
    with without_gc():
        from models.data.labelled.nbest import read_nbest
        from models.evaluation.rescoring.nbest_scores import Scorer
        from models.evaluation.rescoring.tuning import tune

    lists = read_nbest(file, encoding)
    loaded = [load_model(name, **loading) for name in (model, *others)]
    scorers = [Scorer(checkpoint.language_model, checkpoint.tokenizer) for _, checkpoint in loaded]
    tuning = drive(tune(lists, scorers, unit, zero_logprob), ProgressBar(quiet))
    content = tuning_content([ref.id for ref, _ in loaded], tuning, zero_logprob)
    if as_json:
        click.echo(to_json(content))
        return
    for line in tuning_lines(content):
        click.echo(line)
