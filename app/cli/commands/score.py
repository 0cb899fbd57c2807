"""`nextword score`: log-probabilities of lines as they arrive, for use in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.cli.text_input import InputLine, LineStream, encoding_option, open_text
from app.core.process_tuning import without_gc
from app.schemas.base import logprob_fields
from models.utils.progress import run_to_completion

if TYPE_CHECKING:
    from models.inference.scoring import TextScore
    from models.tokenization.tokenizer import Tokenizer


@click.command()
@model_argument
@click.option("--bos/--no-bos", default=True, show_default=True, help="Begin each line after </s>.")
@click.option("--eos/--no-eos", default=True, show_default=True, help="Score the end of each line too.")
@encoding_option
@loading_options
@json_option
def command(model: str, bos: bool, eos: bool, encoding: str, as_json: bool, **loading: Any) -> None:
    """Score lines from standard input, one result a line, in order and without waiting for the end.

    Prints the log-probability in nats, the number of tokens, how many of them the vocabulary lacks, and the line,
    separated by tabs. With --json there is `spelling_logprob` as well, log P of the spellings of unknown words:
    texts of unknown words compare with others by the sum of both. A line that is not in the encoding has `error` in the
    place of the first, and costs no other line.
    """
    with without_gc():
        from models.inference.scoring import score_texts

    ref, checkpoint = load_model(model, **loading)
    with open_text(None) as stream:
        for lines in LineStream(stream, encoding).batches():
            texts = [line.text for line in lines if line.error is None]
            work = score_texts(checkpoint.language_model, checkpoint.tokenizer, texts, bos=bos, eos=eos)
            scores = iter(run_to_completion(work) if texts else ())
            for line in lines:
                if line.error is None:
                    click.echo(_format_score(ref.id, next(scores), checkpoint.tokenizer, as_json))
                else:
                    click.echo(_format_error(ref.id, line, as_json))


def _format_error(model: str, line: InputLine, as_json: bool) -> str:
    """Format a line that could not be read, so that the others keep their places."""
    if not as_json:
        return f"error\t0\t0\t{line.text}"
    return to_json({"model": model, "line": line.number, "error": {"message": line.error}})


def _format_score(model: str, score: TextScore, tokenizer: Tokenizer, as_json: bool) -> str:
    if not as_json:
        return f"{score.logprob:.6f}\t{score.token_count}\t{score.oov_count}\t{score.text}"
    counts = {"token_count": score.token_count, "oov_count": score.oov_count}
    if score.undefined is not None and score.undefined.any():
        counts["undefined_contexts"] = int(score.undefined.sum())
    spelling = {"spelling_logprob": score.spelling_logprob(tokenizer)}
    return to_json({"model": model, "text": score.text, **logprob_fields(score.logprob), **spelling, **counts})
