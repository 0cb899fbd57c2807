"""Fitting a network to text files, and measuring it on one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.data.corpus import Corpus
from models.errors import InvalidInput
from models.neural.encoder.config import EncoderConfig
from models.special_tokens import EOS
from models.tasks.fill_in.config import FillInConfig, LanguageModelPairConfig
from models.tasks.fill_in.evaluate import MaskedWords, encode_lines, evaluate_fill_in, measure_fill_in
from models.tasks.fill_in.fit import fit_fill_in
from models.tasks.fill_in.model import RecurrentFillIn
from models.tasks.fill_in.pair import LanguageModelPair
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.options import FitOptions, FittedModel
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.language_models import TOKENIZER, ngram

TEXT = "the cat sat on the mat\nthe dog sat on the log\n\na cat and a dog sat\n" * 4
ENCODER = EncoderConfig(embedding_size=6, hidden_size=5, separate=True)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return Corpus.open(path)


def fit(corpus: Corpus, held_out: Corpus | None = None, workdir: Path | None = None) -> FittedModel:
    options = FitOptions(TokenizerConfig(), ENCODER, TaskTrainingConfig(epochs=2, batch_size=4), workdir=workdir)
    return run_to_completion(fit_fill_in(FillInConfig(mlp_size=8, sampled_words=6), corpus, held_out, options))


def test_fit_fill_in_makes_a_model_that_is_measured_and_resumed(corpus: Corpus, tmp_path: Path) -> None:
    fitted = fit(corpus, corpus, tmp_path)
    assert isinstance(fitted.model, RecurrentFillIn)
    fitted.model.check()
    training = fitted.metrics["training"]
    assert training["lines"] == 12
    assert training["token_count"] == 4 * (7 + 7 + 7)
    figures = run_to_completion(evaluate_fill_in(fitted.model, fitted.tokenizer, corpus))
    assert figures["token_count"] == 4 * 18
    assert figures["accuracy"] == pytest.approx(training["validation_accuracy"])
    assert figures["accuracy"] <= figures["accuracy_at_10"] <= 1
    assert figures["pseudo_perplexity"] == pytest.approx(np.exp(training["validation_loss"]))
    again = fit(corpus, corpus, tmp_path).model.tensors()
    assert all(np.array_equal(array, again[name]) for name, array in fitted.model.tensors().items())


def test_fit_fill_in_without_held_out_text_measures_nothing(corpus: Corpus) -> None:
    assert "validation_accuracy" not in fit(corpus).metrics["training"]


def test_fit_fill_in_of_joined_layers_is_refused(corpus: Corpus) -> None:
    options = FitOptions(encoder=EncoderConfig(layers=2))
    with pytest.raises(InvalidInput, match="separate"):
        run_to_completion(fit_fill_in(FillInConfig(), corpus, None, options))


def test_evaluate_fill_in_leaves_out_what_is_infinite_or_undefined(tmp_path: Path) -> None:
    pair = LanguageModelPair(LanguageModelPairConfig(), [ngram("mle"), ngram("mle")])

    def measure(text: str) -> dict[str, object]:
        path = tmp_path / "few.txt"
        path.write_text(text)
        return run_to_completion(evaluate_fill_in(pair, TOKENIZER, Corpus.open(path)))

    impossible = measure("a d c\n")
    assert (impossible["token_count"], impossible["pseudo_perplexity"]) == (3, None)
    assert isinstance(impossible["accuracy"], float)
    undefined = {"accuracy": None, "accuracy_at_10": None, "pseudo_perplexity": None}
    assert measure("zebra\n") == {"token_count": 0, "oov_count": 1, **undefined}


@pytest.mark.parametrize("longest", [3, 6, 7, 100])
def test_encode_lines_cuts_long_lines_and_loses_no_token(corpus: Corpus, longest: int) -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(min_count=5), [TEXT])
    lines, oov = encode_lines(corpus, tokenizer, longest)
    encoding = tokenizer.encode(TEXT)
    assert all(line[-1] == EOS and 1 < len(line) <= longest + 1 for line in lines)
    words = np.concatenate([line[:-1] for line in lines])
    assert words.tolist() == encoding.ids[encoding.ids != EOS].tolist()
    assert np.concatenate([part[:-1] for part in oov]).tolist() == encoding.oov[encoding.ids != EOS].tolist()


def test_encode_lines_of_letters_cuts_the_whole_text(tmp_path: Path) -> None:
    path = tmp_path / "letters.txt"
    path.write_text("ab\ncd")
    corpus = Corpus.open(path, kind="character")
    tokenizer = Tokenizer.train(TokenizerConfig(kind="character"), ["ab\ncd"])
    lines, _ = encode_lines(corpus, tokenizer, 2)
    assert ["".join(tokenizer.vocabulary[i] for i in line[:-1]) for line in lines] == ["ab", "\nc", "d"]


def test_measure_fill_in_ranks_in_the_order_of_the_text(corpus: Corpus) -> None:
    fitted = fit(corpus)
    assert isinstance(fitted.model, RecurrentFillIn)
    lines, oov = encode_lines(corpus, fitted.tokenizer)
    oov[0][2] = True
    masked = run_to_completion(measure_fill_in(fitted.model, lines[:5], oov[:5]))
    ranks, logprobs = [], []
    for line, unknown in zip(lines[:5], oov[:5], strict=True):
        for place in np.flatnonzero(~unknown[:-1]):
            row = fitted.model.logprobs(fitted.model.contexts([line], [np.array([place])]))[0]
            ranks.append(int((row > row[line[place]]).sum()))
            logprobs.append(row[line[place]])
    assert masked.ranks.tolist() == ranks
    assert masked.logprobs == pytest.approx(np.array(logprobs), abs=1e-5)


def test_masked_words_count_those_among_the_first() -> None:
    masked = MaskedWords(np.array([0, 1, 9, 10]), np.log(np.array([0.5, 0.25, 0.25, 0.125], np.float32)))
    assert (masked.accuracy, masked.accuracy_at_10) == (0.25, 0.75)
    assert masked.loss == pytest.approx(np.log(256) / 4)
    nothing = MaskedWords(np.zeros(0, np.int64), np.zeros(0, np.float32))
    assert (nothing.accuracy, nothing.accuracy_at_10, nothing.loss) == (0, 0, 0)
