"""Blanks filled by every kind of model, with probabilities that sum to one."""

from __future__ import annotations

from itertools import product
from math import exp

import numpy as np
import pytest

from models.errors import InvalidInput, InvalidText, UnsupportedByModel
from models.language_model import LanguageModel
from models.model import Floats, Model
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder, encoder_shapes
from models.special_tokens import EOS, UNK
from models.tasks.classification.config import ClassifierConfig
from models.tasks.classification.model import RecurrentClassifier, classifier_head_shapes
from models.tasks.fill_in.config import FillInConfig, LanguageModelPairConfig
from models.tasks.fill_in.fill_in_model import FillInModel
from models.tasks.fill_in.model import Int8FillIn, RecurrentFillIn, fill_in_head_shapes
from models.tasks.fill_in.pair import LanguageModelPair
from models.tasks.fill_in.predict import STEP_FILLINGS, fill
from models.tasks.fill_in.pseudo_likelihood import pseudo_logprob
from models.tasks.fill_in.query import FilledText, FillQuery
from models.utils.progress import run_to_completion
from tests.helpers.language_models import TOKENIZER, V, ngram, recurrent

ENCODER = EncoderConfig(embedding_size=5, hidden_size=4, separate=True, storage="float32")


def random_arrays(shapes: dict[str, tuple[int, ...]]) -> dict[str, Floats]:
    random = np.random.default_rng(1)
    return {name: random.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}


def network() -> RecurrentFillIn:
    settings = FillInConfig(mlp_size=7)
    head = random_arrays(fill_in_head_shapes(settings, ENCODER, V))
    return RecurrentFillIn(settings, RecurrentEncoder(ENCODER, random_arrays(encoder_shapes(ENCODER, V)), V), head)


NETWORK = network()
PAIR = LanguageModelPair(LanguageModelPairConfig(), [recurrent("lstm"), ngram("witten_bell")])
INT8 = Int8FillIn.from_tensors(NETWORK.config(), NETWORK.tensors(), V)
FILL_IN_MODELS: dict[str, FillInModel] = {"network": NETWORK, "int8": INT8, "pair": PAIR}
LANGUAGE_MODELS: dict[str, LanguageModel] = {"ngram": ngram("kneser_ney"), "gru": recurrent("gru")}
ALL: dict[str, Model] = {**FILL_IN_MODELS, **LANGUAGE_MODELS}


def filled(model: Model, *texts: str, **query: object) -> list[FilledText]:
    return run_to_completion(fill(model, TOKENIZER, texts, FillQuery(**query)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("text", ["a ___ c", "___ ___", "j ___ b ____, ___"])
def test_fill_gives_probabilities_that_sum_to_one_best_first(name: str, text: str) -> None:
    (result,) = filled(ALL[name], text, top_k=0, beam=10_000)
    probabilities = [filling.probability for filling in result.fillings]
    assert sum(probabilities) == pytest.approx(1, abs=1e-4)
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(exp(filling.logprob) == pytest.approx(filling.probability, rel=1e-6) for filling in result.fillings)
    assert result.exact
    assert result.considered == len(result.fillings) == 10 ** text.count("__ ") * 10 or text.count(" ") != 1


@pytest.mark.parametrize("name", FILL_IN_MODELS)
def test_fill_by_a_fill_in_model_is_its_distribution_among_the_candidates(name: str) -> None:
    model, candidates = FILL_IN_MODELS[name], ("c", "h", "b")
    (result,) = filled(model, "a ___ d e", candidates=candidates)
    text = TOKENIZER.encode("a a d e\n").ids.astype(np.int64)
    row = np.exp(model.logprobs(model.contexts([text], [np.array([1])]))[0], dtype=np.float64)
    expected = {word: row[TOKENIZER.token_to_id(word)] for word in candidates}
    total = sum(expected.values())
    for filling in result.fillings:
        assert filling.probability == pytest.approx(expected[filling.words[0]] / total, rel=1e-4)
        assert filling.text_logprob is None


@pytest.mark.parametrize("name", FILL_IN_MODELS)
def test_fill_of_several_blanks_goes_from_left_to_right_with_unknown_words_ahead(name: str) -> None:
    model, candidates = FILL_IN_MODELS[name], ("c", "h")
    (result,) = filled(model, "a ___ d ___", candidates=candidates)
    numbers = [TOKENIZER.token_to_id(word) for word in candidates]
    a, d = (TOKENIZER.token_to_id(word) for word in "ad")
    expected = {}
    for first, second in product(range(2), repeat=2):
        ids = [np.array([a, UNK, d, UNK, EOS]), np.array([a, numbers[first], d, UNK, EOS])]
        rows = model.logprobs(model.contexts(ids, [np.array([1]), np.array([3])]))[:, numbers]
        chances = np.exp(rows, dtype=np.float64) / np.exp(rows, dtype=np.float64).sum(1, keepdims=True)
        expected[candidates[first], candidates[second]] = chances[0, first] * chances[1, second]
    assert {filling.words: filling.probability for filling in result.fillings} == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", FILL_IN_MODELS)
def test_fill_says_what_a_narrow_beam_left_out(name: str) -> None:
    (narrow,) = filled(FILL_IN_MODELS[name], "a ___ d ___ b", beam=2)
    assert not narrow.exact
    assert narrow.considered == 2 * (V - 2)
    (wide,) = filled(FILL_IN_MODELS[name], "a ___ d ___ b", beam=50, top_k=0)
    exact = {filling.words: filling.logprob for filling in wide.fillings}
    for filling in narrow.fillings:
        assert filling.words in exact


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_fill_by_a_language_model_tells_the_probability_of_the_text(name: str) -> None:
    model = LANGUAGE_MODELS[name]
    (result,) = filled(model, "a ___ d", candidates=("b", "c d", "zebra"))
    for filling in result.fillings:
        text = TOKENIZER.encode(f"a {filling.words[0]} d\n").ids
        assert filling.text_logprob == pytest.approx(model.score_after([], text).sum(), abs=1e-4)
        assert filling.oov == (filling.words[0] == "zebra",)


def test_fill_by_the_left_model_differs_from_that_of_the_whole_text() -> None:
    model = LANGUAGE_MODELS["ngram"]
    (near,), (far,) = filled(model, "a ___ c"), filled(model, "a ___ h")
    assert [f.words for f in near.fillings] != [f.words for f in far.fillings]


def test_fill_of_a_text_does_not_depend_on_others_beside_it() -> None:
    for model in ALL.values():
        together = filled(model, "b ___ c d", "___", "a ___ d ___")
        assert [filled(model, result.text)[0] for result in together] == together


def test_fill_of_what_a_model_rules_out_has_probability_zero() -> None:
    (result,) = filled(ngram("mle"), "j ___ j", top_k=3)
    assert [filling.probability for filling in result.fillings] == [0, 0, 0]
    assert result.fillings[0].logprob == -np.inf


@pytest.mark.parametrize("name", FILL_IN_MODELS)
def test_fill_refuses_candidates_of_several_tokens_where_one_is_told(name: str) -> None:
    with pytest.raises(InvalidInput, match="'c d' is more than one"):
        filled(FILL_IN_MODELS[name], "a ___", candidates=("b", "c d"))


def test_fill_refuses_a_text_without_a_blank_and_a_model_of_another_task() -> None:
    with pytest.raises(InvalidText, match="blanks"):
        filled(NETWORK, "a ___", "b")
    settings = ClassifierConfig()
    encoder = RecurrentEncoder(ENCODER, random_arrays(encoder_shapes(ENCODER, V)), V)
    head = random_arrays(classifier_head_shapes(settings, 2, ENCODER.vector_size))
    with pytest.raises(UnsupportedByModel, match="does not fill"):
        filled(RecurrentClassifier(settings, ["x", "y"], encoder, head), "a ___")


@pytest.mark.parametrize("name", FILL_IN_MODELS)
def test_pseudo_logprob_tells_each_token_from_all_others(name: str) -> None:
    model = FILL_IN_MODELS[name]
    scores = run_to_completion(pseudo_logprob(model, TOKENIZER, ["a b zebra", "", "c"]))
    assert [score.tokens for score in scores] == [["a", "b", "zebra"], [], ["c"]]
    assert scores[0].oov == [False, False, True]
    text = TOKENIZER.encode("a b zebra\n").ids.astype(np.int64)
    rows = model.logprobs(model.contexts([text], [np.arange(3)]))
    assert scores[0].logprobs == pytest.approx(rows[np.arange(3), text[:3]].tolist(), abs=1e-5)
    assert scores[0].pseudo_logprob == pytest.approx(sum(scores[0].logprobs))
    assert scores[1].pseudo_logprob == 0


def test_pseudo_logprob_is_not_for_language_models() -> None:
    with pytest.raises(UnsupportedByModel, match="pseudo-log-likelihood"):
        run_to_completion(pseudo_logprob(ngram("kneser_ney"), TOKENIZER, ["a"]))


def test_fill_stops_between_many_texts_and_many_fillings() -> None:
    """A step is short, whatever is asked: other work runs between two."""
    texts = ["a ___ c " + "b " * 9000] * 4
    assert list(fill(ALL["ngram"], TOKENIZER, texts, FillQuery(candidates=("a",)))).count(0) >= 4
    query = FillQuery(top_k=0, beam=10_000)
    (result,) = run_to_completion(fill(NETWORK, TOKENIZER, ["___ ___ ___ ___"], query))
    steps = list(fill(NETWORK, TOKENIZER, ["___ ___ ___ ___"], query))
    assert len(result.fillings) == (V - 2) ** 4 > STEP_FILLINGS
    assert steps.count(0) == -(-len(result.fillings) // STEP_FILLINGS)


def test_fill_gives_no_probability_where_no_candidate_is_possible() -> None:
    """Judge by a pair without smoothing: neither c nor d ever stood between a and c."""
    pair = LanguageModelPair(LanguageModelPairConfig(), [ngram("mle"), ngram("mle")])
    (impossible,) = filled(pair, "a ___ c", candidates=("c", "d"))
    assert [(filling.probability, filling.logprob) for filling in impossible.fillings] == [(0, -np.inf)] * 2
    (result,) = filled(pair, "a ___ ___", candidates=("c", "d"))
    assert [(filling.words, filling.probability) for filling in result.fillings] == [
        (("d", "c"), pytest.approx(1)),
        (("c", "c"), 0),
        (("c", "d"), 0),
        (("d", "d"), 0),
    ]
