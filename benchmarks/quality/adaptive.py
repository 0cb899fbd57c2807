"""Adaptation: caches, mixtures and dynamic evaluation by their perplexity, over n-grams and an LSTM.

Takes the folder of corpora (ptb and wikitext-2). Perplexities are those of the validation text in `document` unit, with
the seconds of one thread. All but the first row of each table learn from the text that they score, so they compare with
one another only. With --checkpoint, --training and --text (both as the checkpoint's recipe had them) the second table
follows; the weights of mixtures are fitted by EM to the scored text itself, as their figures should say.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np

from models.checkpoint.load import load
from models.composite.cache import CacheModel
from models.composite.config import CacheConfig, DynamicConfig, MixtureConfig, NeuralCacheConfig
from models.composite.dynamic_evaluation import DynamicModel
from models.composite.mixture import MixtureModel
from models.composite.mixture_weights import fit_weights, score_by_member
from models.composite.neural_cache import NeuralCacheModel
from models.data.corpus import Corpus
from models.data.line_reader import EmptyLines
from models.inference.scoring import Ids, score_row
from models.language_model import LanguageModel
from models.neural.model import RecurrentModel
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.threads import set_thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

CORPORA = {
    "ptb": ("ptb/ptb.train.txt", "ptb/ptb.valid.txt", (500, 0.1), (500, 0.08, 0.1)),
    "wikitext-2": ("wikitext-2/train.txt", "wikitext-2/valid.txt", (1000, 0.2), (2000, 0.1, 0.2)),
}
"""Training text, validation text, and window and weights of the caches."""
NAMES = {"ngram": "Kneser-Ney", "cache": "unigram cache", "neural_cache": "neural cache"}
file = click.Path(exists=True, dir_okay=False, path_type=Path)


def row(name: str, model: LanguageModel, ids: Ids) -> None:
    """Print the perplexity of a text and the seconds it took."""
    began = time.perf_counter()
    scores, _ = run_to_completion(score_row(model, model.begin_state(1), ids))
    elapsed = time.perf_counter() - began
    click.echo(f"{name:<52}{np.exp(-scores.mean(dtype=np.float64)):>9.2f}{elapsed:>9.1f} s")


def mixed(weights: tuple[float, ...], members: list[LanguageModel]) -> MixtureModel:
    return MixtureModel(MixtureConfig(weights), members)


def kneser_ney(ids: Ids, tokenizer: Tokenizer) -> NgramModel:
    config = NgramConfig(order=5)
    return NgramModel(config, estimate_from_tokens(config, ids, tokenizer.vocabulary_size))


def caches(corpora: Path) -> None:
    """Print the table of caches over Kneser-Ney, by corpus."""
    warm_up = NgramModel(NgramConfig(1), estimate_from_tokens(NgramConfig(1), np.arange(1, 5, dtype=np.int32), 5))
    cached = CacheModel(CacheConfig(5), warm_up)
    cached.score(cached.begin_state(1), np.array([[2]]))
    for name, (training, held_out, unigram, bigram) in CORPORA.items():
        tokenizer, encoded = Corpus.open(corpora / training).train_tokenizer(TokenizerConfig(pretokenized=True))
        ids = Corpus.open(corpora / held_out).encode(tokenizer).ids
        base = kneser_ney(encoded.ids, tokenizer)
        click.echo(f"{name}: {len(ids):,} tokens")
        row("Kneser-Ney, order 5", base, ids)
        row(f"+ unigram cache {unigram}", CacheModel(CacheConfig(*unigram), base), ids)
        row(f"+ unigram and bigram cache {bigram}", CacheModel(CacheConfig(*bigram), base), ids)


def recurrent(path: Path, training: tuple[Path, ...], text: Path, most: int | None, empty_lines: EmptyLines) -> None:
    """Print the table of what adapts over a network."""
    checkpoint = load(path)
    network, tokenizer = checkpoint.language_model, checkpoint.tokenizer
    assert isinstance(network, RecurrentModel)
    kind = tokenizer.config.kind
    counted = Corpus.open(training, kind=kind, empty_lines=empty_lines).encode(tokenizer)
    ids = Corpus.open(text, kind=kind, empty_lines=empty_lines).encode(tokenizer).ids[:most]
    base = kneser_ney(counted.ids, tokenizer)
    click.echo(f"{path} on {text.name}: {len(ids):,} tokens")
    row("alone", network, ids)
    neural = NeuralCacheModel(NeuralCacheConfig(500, 0.1, 0.3), network)
    cached = CacheModel(CacheConfig(500, 1.0), network)  # what the cache alone says, wherever it says anything
    row("+ unigram cache (500, 0.05)", CacheModel(CacheConfig(500, 0.05), network), ids)
    row("+ neural cache (500, 0.1, theta 0.3)", neural, ids)
    mixtures: list[list[LanguageModel]] = [[network, base], [network, base, cached], [neural, base]]
    for members in mixtures:
        fit = fit_weights(run_to_completion(score_by_member(members, ids, "document")))
        weights = ", ".join(f"{weight:.3f}" for weight in fit.weights)
        row(f"{' + '.join(NAMES.get(m.kind, m.kind) for m in members)} ({weights})", mixed(fit.weights, members), ids)
    for config in (DynamicConfig("sgd", 0.1), DynamicConfig("rms", 1e-3)):
        row(f"dynamic, {config.rule} {config.learning_rate:g}", DynamicModel(config, network), ids)


@click.command()
@click.argument("corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--checkpoint", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A recurrent one.")
@click.option("--training", type=file, multiple=True, help="A text that it was trained on.")
@click.option("--text", type=file, help="The text to score with it.")
@click.option("--tokens", type=int, help="Only so many of it.")
@click.option("--empty-lines", type=click.Choice(["keep", "drop"]), default="keep", show_default=True)
def main(
    corpora: Path,
    checkpoint: Path | None,
    training: tuple[Path, ...],
    text: Path | None,
    tokens: int | None,
    empty_lines: EmptyLines,
) -> None:
    """Measure on what lies in CORPORA."""
    set_thread_count(1)
    if checkpoint is None:
        caches(corpora)
    elif not training or text is None:
        raise click.UsageError("--checkpoint needs --training and --text")
    else:
        recurrent(checkpoint, training, text, tokens, empty_lines)


if __name__ == "__main__":
    main()
