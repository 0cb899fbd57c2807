"""Readers tell what the model tells of whole texts, whatever they remember."""

import numpy as np
import pytest

from models.language_model import LanguageModel
from models.neural.int8.model import Int8Model
from nextword.decoders.cached_reader import CachedReader
from nextword.decoders.ctc import make_reader
from nextword.decoders.direct_reader import DirectReader
from tests.helpers.language_models import V, mixture, ngram, recurrent

MODELS: dict[str, LanguageModel] = {
    "ngram": ngram("kneser_ney"),
    "mixture of n-grams": mixture((0.5, 0.5), ngram("mle"), ngram("kneser_ney")),
    "lstm": recurrent("lstm", family=Int8Model),
    "mixture": mixture((0.5, 0.5), ngram("kneser_ney"), recurrent("gru", family=Int8Model)),
}
READERS = {
    "direct": DirectReader,
    "cached": CachedReader,
    "cached in little memory": lambda model, bos: CachedReader(model, bos=bos, cached_rows=1),
}


def test_reader_suits_the_model():
    assert [type(make_reader(model, bos=True)).__name__ for model in MODELS.values()] == [
        *["DirectReader"] * 2,
        *["CachedReader"] * 2,
    ]


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", READERS)
def test_reader_tells_what_the_model_tells_of_texts(kind, name, bos):
    model = MODELS[name]
    reader = READERS[kind](model, bos=bos)
    texts = np.random.default_rng(1).integers(V, size=(6, 5)).tolist()
    histories = [reader.begin()] * 1 + [None] * 5
    histories = [histories[0]] * 6
    totals = [0.0] * 6
    for part in (slice(0, 2), slice(2, 3), slice(3, 3), slice(3, 5)):  # all texts side by side, in parts
        for i, text in enumerate(texts):
            logprob, histories[i] = reader.read(histories[i], text[part])
            totals[i] += logprob
    for text, history, total in zip(texts, histories, totals, strict=True):
        assert total == pytest.approx(model.score_after([], text, bos=bos).sum(), abs=1e-4)
        assert reader.end(history) == pytest.approx(model.score_after(text, [1], bos=bos)[0], abs=1e-4)


@pytest.mark.parametrize("kind", READERS)
def test_reader_histories_survive_the_next_text(kind):
    reader = READERS[kind](MODELS["lstm"], bos=True)
    _, history = reader.read(reader.begin(), [2, 3])
    before = reader.read(history, [4])[0]
    reader.begin()
    assert reader.read(history, [4])[0] == pytest.approx(before, abs=1e-5)


def test_direct_reader_histories_are_equal_where_futures_are():
    reader = DirectReader(ngram("kneser_ney", order=2))
    histories = [reader.read(reader.begin(), ids)[1] for ids in ([2, 3], [4, 3], [3, 2])]
    assert histories[0] == histories[1] != histories[2]
    assert len(set(histories)) == 2


def test_cached_reader_computes_a_distribution_once(monkeypatch):
    model, calls = recurrent("lstm", family=Int8Model), []
    logprobs = model.logprobs
    monkeypatch.setattr(model, "logprobs", lambda state: calls.append(1) or logprobs(state))
    reader = CachedReader(model)
    begin = reader.begin()
    for ids in ([2, 3], [2, 4], [5]):
        reader.read(begin, ids)
    assert len(calls) == 2  # after nothing, and after token 2


def test_cached_reader_keeps_as_many_rows_as_it_may():
    reader = CachedReader(recurrent("lstm", family=Int8Model), cached_rows=3)
    histories = [reader.begin()]
    for token in range(2, 9):
        histories.append(reader.read(histories[-1], [token])[1])
    assert sum(history.row is not None for history in histories) == 3
    assert histories[0].state is not None  # from which all others can be computed
