"""Short questions have the answers of the model itself, to the last bit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.ngram import short
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens

SIZE = 7
TEXT = np.random.default_rng(1).integers(0, SIZE, 300).astype(np.int32)
MODELS = [
    NgramModel(config, estimate_from_tokens(config, TEXT, SIZE))
    for config in (NgramConfig(1), NgramConfig(2, "mle"), NgramConfig(4), NgramConfig(3, "add_delta"))
]
rows = st.lists(st.integers(0, SIZE - 1), max_size=12)


@given(context=rows, ids=rows, k=st.integers(1, SIZE + 1), bos=st.booleans())
def test_answers_are_those_of_the_model(context: list[int], ids: list[int], k: int, bos: bool) -> None:
    for model in MODELS:
        state = model.begin_state(1) if bos else model.null_state(1)
        state = model.advance(state, torch.tensor([context], dtype=torch.int64))
        values, best = model.topk(state, k)
        assert short.best(model, context, k, bos=bos) == (values[0].tolist(), best[0].tolist())
        scores = model.score(state, torch.tensor([ids], dtype=torch.int64))[0]
        assert short.score(model, context, ids, bos=bos).tolist() == scores[0].tolist()


def test_ids_outside_the_vocabulary_are_refused() -> None:
    for ids in ([SIZE], [-1]):
        with pytest.raises(InvalidInput, match="tokens"):
            short.best(MODELS[0], ids, 1)
        with pytest.raises(InvalidInput, match="tokens"):
            short.score(MODELS[0], [], ids)
