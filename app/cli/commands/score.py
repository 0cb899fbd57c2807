"""`nextword score`: log-probabilities of lines as they arrive, for use in a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any

import click

from app.cli.shared_options import json_option, load_model, loading_options, model_argument, to_json
from app.cli.text_input import InputLine, LineStream, encoding_option, open_text
from app.core.process_tuning import without_gc
from app.schemas.base import logprob_fields
from app.schemas.probability import scored_token_contents
from models.utils.progress import run_to_completion

if TYPE_CHECKING:
    from models.inference.text_scores import TextScore
    from models.tokenization.tokenizer import Tokenizer


@click.command()
@model_argument
@click.option("--bos/--no-bos", default=True, show_default=True, help="Begin each line after </s>.")
@click.option("--eos/--no-eos", default=True, show_default=True, help="Score the end of each line too.")
@click.option("--tokens", is_flag=True, help="Tell of each token of a line, and which n-gram its probability is of.")
@encoding_option
@loading_options
@json_option
def command(model: str, bos: bool, eos: bool, tokens: bool, encoding: str, as_json: bool, **loading: Any) -> None:
    """Score lines from standard input, one result a line, in order and without waiting for the end.

    Prints the log-probability in nats, the number of tokens, how many of them the vocabulary lacks, and the line,
    separated by tabs. With --json there is `spelling_logprob` as well, log P of the spellings of unknown words:
    texts of unknown words compare with others by the sum of both. With --tokens a line for each token follows, which
    begins with a tab: its log-probability, the length of the n-gram that gives it (`-`: no n-gram model), the token.
    A line that is not in the encoding has `error` in the place of the first, and costs no other line.
    """
    with without_gc():
        from models.inference.scoring import score_texts

    ref, checkpoint = load_model(model, **loading)
    with open_text(None) as stream:
        for lines in LineStream(stream, encoding).batches():
            texts = [line.text for line in lines if line.error is None]
            work = score_texts(checkpoint.language_model, checkpoint.tokenizer, texts, bos=bos, eos=eos, orders=tokens)
            scores = iter(run_to_completion(work) if texts else ())
            for line in lines:
                if line.error is None:
                    click.echo(_format_score(ref.id, next(scores), checkpoint.tokenizer, as_json, tokens=tokens))
                else:
                    click.echo(_format_error(ref.id, line, as_json))


def _format_error(model: str, line: InputLine, as_json: bool) -> str:
    """Format a line that could not be read, so that the others keep their places."""
    if not as_json:
        return f"error\t0\t0\t{line.text}"
    return to_json({"model": model, "line": line.number, "error": {"message": line.error}})


def _format_score(model: str, score: TextScore, tokenizer: Tokenizer, as_json: bool, *, tokens: bool) -> str:
    if not as_json:
        line = f"{score.logprob:.6f}\t{score.token_count}\t{score.oov_count}\t{score.text}"
        return "\n".join([line, *_format_tokens(score, tokenizer)] if tokens else [line])
    counts = {"token_count": score.token_count, "oov_count": score.oov_count}
    if score.undefined is not None and score.undefined.any():
        counts["undefined_contexts"] = int(score.undefined.sum())
    spelling = {"spelling_logprob": score.spelling_logprob(tokenizer)}
    content = {"model": model, "text": score.text, **logprob_fields(score.logprob), **spelling, **counts}
    if tokens:
        content["tokens"] = scored_token_contents(tokenizer.names, score.scored_tokens(tokenizer))
    return to_json(content)


def _format_tokens(score: TextScore, tokenizer: Tokenizer) -> Iterator[str]:
    scored = score.scored_tokens(tokenizer)
    orders = map(str, scored.orders or repeat("-", len(scored.ids)))
    for shown, logprob, order in zip(scored.shown, scored.logprobs, orders, strict=True):
        yield f"\t{logprob:.6f}\t{order}\t{shown}"
