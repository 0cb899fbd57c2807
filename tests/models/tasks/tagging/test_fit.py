"""Fitting of taggers: what does not fit together is refused with its line."""

import numpy as np
import pytest

from models.data.labelled.examples import TaggedSentence
from models.errors import InvalidInput, TrainingFailed
from models.neural.encoder.config import EncoderConfig
from models.tasks.tagging.config import HmmTaggerConfig, TaggerConfig
from models.tasks.tagging.fit import fit_tagger
from models.tasks.tagging.hmm.model import HmmTagger
from models.tasks.tagging.model import RecurrentTagger
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.initial_weights import InitialWeights, WordVectors
from models.tasks.training.options import FitOptions, FittedModel
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

EXAMPLES = [
    TaggedSentence(("The", "cat"), ("DT", "NN"), 1),
    TaggedSentence(("the", "cat", "sat"), ("DT", "NN", "VB"), 2),
]
NAMES = [TaggedSentence(("New", "York"), ("B-x", "I-x"), 4), TaggedSentence(("in",), ("O",), 7)]
ENCODER = EncoderConfig(embedding_size=4, hidden_size=3, character_embedding_size=3, character_hidden_size=2)
Config = TaggerConfig | HmmTaggerConfig


def fit(
    config: Config,
    examples: list[TaggedSentence],
    held_out: list[TaggedSentence] | None = None,
    label_smoothing: float = 0.0,
) -> FittedModel:
    training = TaskTrainingConfig(epochs=1, label_smoothing=label_smoothing)
    options = FitOptions(TokenizerConfig(lowercase=True), ENCODER, training)
    return run_to_completion(fit_tagger(config, examples, held_out or [], options))


@pytest.mark.parametrize(("config", "family"), [(TaggerConfig(), RecurrentTagger), (HmmTaggerConfig(), HmmTagger)])
def test_fit_tagger_makes_a_model_with_the_tags_and_words_of_the_examples(config: Config, family: type) -> None:
    fitted = fit(config, EXAMPLES)
    assert isinstance(fitted.model, family)
    assert fitted.model.tags == ("DT", "NN", "VB")
    assert fitted.tokenizer.vocabulary[2:] == ["cat", "the", "sat"]
    assert fitted.metrics["training"]["examples"] == 2
    fitted.model.check()


def test_fit_tagger_keeps_the_case_of_characters_where_words_are_lower_cased() -> None:
    model = fit(TaggerConfig(), EXAMPLES * 2).model
    assert isinstance(model, RecurrentTagger)
    assert model.alphabet is not None
    assert "T" in model.alphabet.characters


def test_fit_tagger_measures_tags_that_training_lacks_as_wrong() -> None:
    metrics = fit(TaggerConfig(), EXAMPLES, [TaggedSentence(("cat",), ("FW",), 9)]).metrics["training"]
    assert metrics["validation_accuracy"] == 0


@pytest.mark.parametrize("config", [TaggerConfig(), HmmTaggerConfig()])
@pytest.mark.parametrize("part", ["examples", "held_out"])
def test_fit_tagger_names_the_line_of_a_sentence_with_too_few_tags(config: Config, part: str) -> None:
    bad = [*EXAMPLES, TaggedSentence(("cats", "sit"), ("NN",), 12)]
    parts = (bad, EXAMPLES) if part == "examples" else (EXAMPLES, bad)
    field = "files" if part == "examples" else "validation"
    with pytest.raises(InvalidInput, match="line 12: one tag a token is accepted; there are 2 tokens and 1 tags") as e:
        fit(config, *parts)
    assert e.value.field == field


@pytest.mark.parametrize(
    ("config", "examples", "message"),
    [
        (TaggerConfig(), [TaggedSentence(("a",), ("X",), 1)], "at least two tags"),
        (TaggerConfig(constrained=True), EXAMPLES, "constrained: true is accepted for BIO tags only"),
        (TaggerConfig(constrained=True), [*NAMES, TaggedSentence(("in",), ("I-x",), 9)], "constrained: line 9"),
    ],
)
def test_fit_tagger_refuses_tags_that_do_not_fit(config: Config, examples: list[TaggedSentence], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit(config, examples)


@pytest.mark.parametrize(
    ("config", "count", "field"),
    [
        (TaggerConfig(), 1001, "files"),
        (HmmTaggerConfig(), 1001, "files"),
        (TaggerConfig(crf=True), 301, "crf"),
        (TaggerConfig(constrained=True), 301, "constrained"),
        (HmmTaggerConfig(), 300, "order"),  # 301 cubed numbers are too many
    ],
)
def test_fit_tagger_refuses_more_tags_than_it_can_serve(config: Config, count: int, field: str) -> None:
    examples = [TaggedSentence(("a",), (f"B-{i}",), i) for i in range(count)]
    with pytest.raises(InvalidInput, match=f"{count}( tags)?") as caught:
        fit(config, examples)
    assert caught.value.field == field


def test_fit_tagger_refuses_label_smoothing_of_sequences() -> None:
    with pytest.raises(InvalidInput, match="label_smoothing"):
        fit(TaggerConfig(crf=True), EXAMPLES, label_smoothing=0.1)


@pytest.mark.parametrize("config", [TaggerConfig(), HmmTaggerConfig()])
def test_fit_tagger_fails_without_examples(config: Config) -> None:
    with pytest.raises(TrainingFailed, match="no training examples"):
        fit(config, [])


def test_fit_tagger_refuses_to_begin_with_a_model_whose_tokens_are_no_words() -> None:
    class Weights(InitialWeights):
        tokenizer = Tokenizer(TokenizerConfig("character"), ["<unk>", "</s>", "a"])

        def arrays(self, tokenizer: Tokenizer) -> dict[str, np.ndarray]:
            return {}

    with pytest.raises(InvalidInput, match="initialize_from: a model whose tokens are words"):
        run_to_completion(fit_tagger(TaggerConfig(), EXAMPLES, [], FitOptions(initial=Weights())))


def test_fit_tagger_begins_with_known_vectors_of_words() -> None:
    vectors = WordVectors(["cat", "dog"], np.full((2, 4), 0.5, np.float32), extra_words=2)
    training = TaskTrainingConfig(epochs=1, learning_rate=1e-9)
    fitted = run_to_completion(
        fit_tagger(TaggerConfig(), EXAMPLES, [], FitOptions(TokenizerConfig(), ENCODER, training, vectors))
    )
    embedding = fitted.model.tensors()["encoder.embedding"]
    for word in ("cat", "dog"):
        assert np.allclose(embedding[fitted.tokenizer.token_to_id(word)], 0.5)
