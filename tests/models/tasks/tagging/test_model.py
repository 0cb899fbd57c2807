"""Recurrent taggers: the same alone as in company, probabilities that sum to one, checkpoints, BIO constraints."""

import tracemalloc
from itertools import product

import numpy as np
import pytest

from models.errors import CheckpointDamaged
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import encoder_shapes
from models.tasks.tagging.config import TaggerConfig
from models.tasks.tagging.model import Int8Tagger, RecurrentTagger, allowed_tags, tagger_head_shapes
from models.tasks.tagging.tagger import Tagging
from models.tasks.text import Alphabet, TaskText

TAGS = ("B-x", "B-y", "I-x", "I-y", "O")
VOCABULARY = 20
ENCODER = EncoderConfig(embedding_size=8, hidden_size=6, character_embedding_size=4, character_hidden_size=3)
SETTINGS = [TaggerConfig(), TaggerConfig(crf=True), TaggerConfig(constrained=True), TaggerConfig(True, True)]


def tagger(
    settings: TaggerConfig, family: type[RecurrentTagger] = RecurrentTagger, encoder: EncoderConfig = ENCODER
) -> RecurrentTagger:
    """Make a tagger of random weights, the same for each family."""
    random, alphabet = np.random.default_rng(1), Alphabet("abcdef") if encoder.reads_characters else None
    shapes = encoder_shapes(encoder, VOCABULARY, len(alphabet or ()))
    weights = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    head_shapes = tagger_head_shapes(settings, len(TAGS), encoder.vector_size)
    head = {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in head_shapes.items()}
    built = family.encoder_class(encoder, weights, VOCABULARY, len(alphabet or ()))
    return family(settings, TAGS, built, head, alphabet)


def texts(lengths: list[int]) -> list[TaskText]:
    random = np.random.default_rng(2)
    ids = [random.integers(0, VOCABULARY, length) for length in lengths]
    return [TaskText(row, tuple("abcdefgh"[i % 8] * (1 + i % 3) for i in row)) for row in ids]


def difference(a: Tagging, b: Tagging) -> float:
    spans = zip(a.spans, b.spans, strict=True)
    assert (a.path == b.path).all()
    assert [span for span, _ in a.spans] == [span for span, _ in b.spans]
    gaps = [abs(p - q) for (_, p), (_, q) in spans]
    return max([float(np.abs(a.probabilities - b.probabilities).max(initial=0)), *gaps])


@pytest.mark.parametrize(("family", "tolerance"), [(RecurrentTagger, 1e-5), (Int8Tagger, 0)])
@pytest.mark.parametrize("settings", SETTINGS)
def test_tagger_gives_a_sentence_the_same_tags_alone_and_in_company(
    settings: TaggerConfig, family: type[RecurrentTagger], tolerance: float
) -> None:
    model, sentences = tagger(settings, family), texts([5, 1, 0, 12, 7, 12])
    for sentence, tagging in zip(sentences, model.tag(sentences), strict=True):
        assert difference(model.tag([sentence])[0], tagging) <= tolerance


def test_tagger_takes_little_memory_and_short_steps_for_a_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.models.tasks.tagging.test_model.TAGS", tuple(map(str, range(60))))
    model, (line,) = tagger(TaggerConfig(crf=True), Int8Tagger), texts([1000])
    tracemalloc.start()
    pauses = list(model.tag_in_steps([line]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pauses) > 50  # 3 passes of 1,000 steps of 3,600 scores: about a pause for each 200,000
    assert peak < 10_000_000  # all steps at once would be 1,000 x 60 x 60 numbers: 29 MB


@pytest.mark.parametrize("settings", SETTINGS)
def test_tagger_probabilities_sum_to_one_at_each_token(settings: TaggerConfig) -> None:
    for sentence, tagging in zip(texts([4, 9]), tagger(settings).tag(texts([4, 9])), strict=True):
        assert tagging.probabilities.shape == (len(sentence), len(TAGS))
        assert np.allclose(tagging.probabilities.sum(1), 1, atol=1e-6)


def test_tagger_of_an_empty_sentence_gives_no_tags() -> None:
    (tagging,) = tagger(TaggerConfig(crf=True)).tag(texts([0]))
    assert (len(tagging.path), tagging.probabilities.shape, tagging.spans) == (0, (0, len(TAGS)), ())


def test_tagger_with_crf_scores_first_and_last_tags_and_pairs() -> None:
    model, (sentence,) = tagger(TaggerConfig(crf=True)), texts([3])
    head = {name: array.astype(np.float64) for name, array in model.tensors().items()}
    vectors, _ = model.vectors([sentence])
    emitted = vectors[0].astype(np.float64) @ head["head.weight"].T + head["head.bias"]

    def score(path: tuple[int, ...]) -> float:
        pairs = head["head.transitions"][path[:-1], path[1:]].sum()
        return float(emitted[range(3), path].sum() + pairs + head["head.start"][path[0]] + head["head.end"][path[-1]])

    scores = {path: score(path) for path in product(range(len(TAGS)), repeat=3)}
    (tagging,) = model.tag([sentence])
    assert tuple(tagging.path.tolist()) == max(scores, key=lambda path: scores[path])
    total = np.logaddexp.reduce(list(scores.values()))
    for tag in range(len(TAGS)):
        expected = sum(np.exp(s - total) for path, s in scores.items() if path[1] == tag)
        assert tagging.probabilities[1, tag] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("settings", [TaggerConfig(constrained=True), TaggerConfig(True, True)])
def test_tagger_that_is_constrained_never_tags_against_bio(settings: TaggerConfig) -> None:
    first, following = allowed_tags(TAGS)
    for tagging in tagger(settings).tag(texts([8] * 20)):
        assert first[tagging.path[0]]
        assert following[tagging.path[:-1], tagging.path[1:]].all()
        assert tagging.probabilities[0, [2, 3]].tolist() == [0, 0]


@pytest.mark.parametrize("family", [RecurrentTagger, Int8Tagger])
def test_tagger_is_bit_equal_after_a_checkpoint(family: type[RecurrentTagger]) -> None:
    model, sentences = tagger(TaggerConfig(crf=True), family), texts([5, 8])
    loaded = family.from_tensors(model.config(), model.tensors(), VOCABULARY)
    loaded.check()
    assert (loaded.tags, loaded.settings) == (model.tags, model.settings)
    assert all(difference(a, b) == 0 for a, b in zip(model.tag(sentences), loaded.tag(sentences), strict=True))


def test_tagger_of_int8_is_near_that_of_float32() -> None:
    sentences, settings = texts([6, 3]), TaggerConfig(crf=True)
    for a, b in zip(tagger(settings).tag(sentences), tagger(settings, Int8Tagger).tag(sentences), strict=True):
        assert np.abs(a.probabilities - b.probabilities).max() < 0.05


@pytest.mark.parametrize(
    ("name", "array"),
    [("head.transitions", None), ("head.start", np.zeros(3, np.float32)), ("head.other", np.zeros(2, np.float32))],
)
def test_tagger_from_tensors_names_the_tensor_that_does_not_fit(name: str, array: np.ndarray | None) -> None:
    model = tagger(TaggerConfig(crf=True))
    tensors = model.tensors() | {name: array}
    with pytest.raises(CheckpointDamaged, match=name):
        RecurrentTagger.from_tensors(model.config(), {n: t for n, t in tensors.items() if t is not None}, VOCABULARY)


@pytest.mark.parametrize(("settings", "most"), [(TaggerConfig(), 1000), (TaggerConfig(crf=True), 300)])
def test_tagger_from_tensors_refuses_more_tags_than_are_served_in_time(settings: TaggerConfig, most: int) -> None:
    model = tagger(settings)
    config = model.config() | {"tags": [f"t{i}" for i in range(most + 1)]}
    with pytest.raises(CheckpointDamaged, match=f"tags holds {most + 1} names; at most {most} are accepted"):
        RecurrentTagger.from_tensors(config, model.tensors(), VOCABULARY)


def test_tagger_costs_more_where_tags_depend_on_each_other() -> None:
    assert tagger(TaggerConfig()).token_cost == 1  # five tags
    chained = tagger(TaggerConfig(crf=True))
    assert chained.token_cost == 1
    chained.tags = tuple(map(str, range(300)))
    assert chained.token_cost == 901
