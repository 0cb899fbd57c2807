import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoint.families import FAMILIES_BY_PRECISION
from models.checkpoint.load import load
from models.checkpoint.repository import resolve
from models.errors import InvalidInput, InvalidText
from models.evaluation.evaluator import Evaluator, evaluate
from models.evaluation.metrics import Evaluation, evaluation_figures
from models.special_tokens import EOS
from models.threads import set_thread_count, thread_count
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.toy import Bigram

WORDS = Tokenizer.train(TokenizerConfig(), ["a a a b b c\n"])
CHARACTERS = Tokenizer.train(TokenizerConfig(kind="character"), ["ab\n"])
UNK, A, B, C = 0, 2, 3, 4


class Remembering(Bigram):
    """Tells whether a line is the first: reading `</s>` leads elsewhere than to the start."""

    resets_at_eos = False

    def begin_state(self, rows: int) -> np.ndarray:
        return self.null_state(rows)


class Forgetting(Bigram):
    resets_at_eos = True


def uniform(size: int, kind: type[Bigram] = Bigram) -> Bigram:
    return kind(np.full((size + 1, size), 1 / size))


def run(model: Bigram, text: str, unit: str = "lines", tokenizer: Tokenizer = WORDS, **options) -> Evaluation:
    return run_to_completion(evaluate(model, tokenizer, [text], unit, **options))


def test_evaluate_gives_a_uniform_model_its_vocabulary_size():
    evaluation = run(uniform(5), "a b\nc\n")
    assert evaluation.perplexity == pytest.approx(5)
    assert (evaluation.token_count, evaluation.oov_count, evaluation.characters) == (5, 0, 6)
    assert evaluation.logprob == pytest.approx(-5 * math.log(5))
    # 5 tokens of log2 5 bits over 6 characters
    assert evaluation.bits_per_character == pytest.approx(5 * math.log2(5) / 6)


def test_evaluate_sets_apart_oov_words_but_no_literal_unk():
    probabilities = np.array([[0.1, 0.2, 0.4, 0.2, 0.1]] * 6)
    words = Tokenizer.train(TokenizerConfig(pretokenized=True), ["a a a b b c\n"])
    evaluation = run(Bigram(probabilities), "a x <unk>\n", tokenizer=words)
    assert (evaluation.token_count, evaluation.oov_count) == (4, 1)
    # a 0.4, x -> <unk> 0.1, <unk> 0.1, </s> 0.2
    assert evaluation.perplexity == pytest.approx((0.4 * 0.1 * 0.1 * 0.2) ** (-1 / 4))
    assert evaluation.perplexity_without_oov == pytest.approx((0.4 * 0.1 * 0.2) ** (-1 / 3))


def test_evaluate_starts_lines_anew_and_carries_a_document():
    model = Remembering.random(5)
    first, later = model.matrix[5], model.matrix[EOS]
    lines, document = (run(model, "a\nb\n", unit).logprob for unit in ("lines", "document"))
    inside = float(first[A] + model.matrix[A, EOS] + model.matrix[B, EOS])
    assert lines == pytest.approx(inside + float(first[B]))
    assert document == pytest.approx(inside + float(later[B]))


def test_evaluate_scores_lines_as_one_row_where_eos_resets_the_model():
    text = "a b c\nb\n\nx a\n" * 50
    flat, batched = (run(kind.random(5), text) for kind in (Forgetting, Bigram))
    assert flat.perplexity == pytest.approx(batched.perplexity)
    assert flat.token_count == batched.token_count


def test_evaluate_counts_empty_lines_as_a_boundary_or_not_at_all():
    kept, dropped = (run(uniform(5), "a\n\n \nb\n", empty_lines=choice) for choice in ("keep", "drop"))
    assert (kept.token_count, dropped.token_count) == (6, 4)
    assert (kept.empty_lines, dropped.empty_lines) == ("keep", "drop")


def test_evaluate_ends_a_last_line_without_newline():
    assert run(Bigram.random(5), "a b\nc") == run(Bigram.random(5), "a b\nc\n")


def test_evaluate_gives_characters_one_end_and_ordinary_newlines():
    evaluation = run(uniform(5), "ab\na", "document", CHARACTERS)
    assert (evaluation.token_count, evaluation.characters) == (5, 4)
    assert evaluation.perplexity == pytest.approx(5)


def test_evaluate_gives_each_paragraph_of_characters_its_end():
    tokenizer = Tokenizer.train(TokenizerConfig(kind="character", texts="paragraphs"), ["ab\na\n\n"])
    evaluation = run(uniform(5), "ab\n\n \n\na\nb", "document", tokenizer)
    assert (evaluation.token_count, evaluation.characters) == (7, len("ab\n\na\nb\n\n"))
    with pytest.raises(InvalidInput, match="document"):
        run(uniform(5), "ab", "lines", tokenizer)


def test_evaluate_has_lines_of_characters_whose_texts_are_lines():
    tokenizer = Tokenizer.train(TokenizerConfig(kind="character", texts="lines"), ["ab\n"])
    evaluation = run(uniform(4), "ab\n\na", "lines", tokenizer)
    assert (evaluation.token_count, evaluation.characters) == (6, 6)


def test_evaluate_refuses_lines_of_a_character_model():
    with pytest.raises(InvalidInput, match="document") as caught:
        run(uniform(5), "ab", "lines", CHARACTERS)
    assert caught.value.field == "unit"


@pytest.mark.parametrize(("unit", "field"), [("words", "unit"), ("", "unit")])
def test_evaluate_refuses_an_unknown_unit(unit, field):
    with pytest.raises(InvalidInput, match='"lines" or "document"'):
        run(uniform(5), "a", unit)


def test_evaluator_keeps_or_drops_empty_lines():
    with pytest.raises(InvalidInput, match='"keep" or "drop"'):
        run(uniform(5), "a", empty_lines="maybe")


@pytest.mark.parametrize("unit", ["lines", "document"])
@pytest.mark.parametrize("text", ["", "  "])
def test_evaluate_refuses_an_empty_text(unit, text):
    with pytest.raises(InvalidText, match="something to score"):
        run(uniform(5), text, unit)


@pytest.mark.parametrize("text", ["\ud800", b"a\xff"])
def test_evaluate_refuses_what_is_not_unicode(text):
    with pytest.raises(InvalidText):
        run_to_completion(evaluate(uniform(5), WORDS, [text], "lines"))


# --- probabilities of zero


def impossible(*tokens: int) -> Bigram:
    rows = np.ones((6, 5))
    rows[:, list(tokens)] = 0
    return Bigram(rows / rows.sum(-1, keepdims=True))


def test_evaluation_of_an_impossible_word_is_infinite_and_not_nan():
    evaluation = run(impossible(C), "a c\n")
    assert evaluation.zero_probability
    assert evaluation.logprob == -math.inf
    assert evaluation.perplexity is evaluation.perplexity_without_oov is evaluation.bits_per_character is None
    assert evaluation.token_count == 3


def test_evaluation_figures_tell_that_a_model_rules_a_text_out():
    assert evaluation_figures(run(impossible(C), "a c\n"))["zero_probability"] is True
    assert "zero_probability" not in evaluation_figures(run(impossible(C), "a b\n"))


def test_evaluation_of_impossible_unknown_words_leaves_the_rest_finite():
    evaluation = run(impossible(UNK), "a x\n")
    assert evaluation.zero_probability
    assert evaluation.perplexity is None
    assert evaluation.perplexity_without_oov == pytest.approx(4)


def test_evaluation_of_unknown_words_alone_has_no_perplexity_without_oov():
    evaluation = run(uniform(5, Bigram), "x", "document", Tokenizer.train(TokenizerConfig(kind="character"), ["abc"]))
    assert evaluation.perplexity == pytest.approx(5)
    assert evaluation.perplexity_without_oov == pytest.approx(5)  # of the end of the text
    assert Evaluation("document", "keep", token_count=1, oov_count=1).perplexity_without_oov is None


def test_evaluation_beyond_floats_counts_as_infinite():
    assert Evaluation("lines", "keep", token_count=1, known_logprob=-1e6).perplexity is None


# --- pieces and slices

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "é", "x", " ", "\n", "\r\n", "</s>", " a b c "]), max_size=60).map(
    "".join
)
UNITS = st.sampled_from(["lines", "document"])


@given(TEXTS, UNITS, st.lists(st.integers(0, 200), max_size=8), st.integers(1, 64), st.sampled_from(["keep", "drop"]))
def test_evaluator_is_unchanged_by_pieces_and_chunks(text, unit, cuts, slice_tokens, empty_lines):
    whole, pieced = Remembering.random(5), Remembering.random(5)
    pieced.chunk_tokens = slice_tokens  # type: ignore[misc]
    data = (text + "a").encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(edges)]
    evaluation = run_to_completion(evaluate(pieced, WORDS, pieces, unit, empty_lines))
    expected = run(whole, text + "a", unit, empty_lines=empty_lines)
    assert evaluation.perplexity == pytest.approx(expected.perplexity)
    assert evaluation.bits_per_character == pytest.approx(expected.bits_per_character)
    for size in ("byte_count", "word_count", "line_count"):
        assert getattr(evaluation, size) == getattr(expected, size)
    assert evaluation.spelling_logprob == pytest.approx(expected.spelling_logprob)
    assert (evaluation.token_count, evaluation.oov_count) == (expected.token_count, expected.oov_count)


@pytest.mark.parametrize("unit", ["lines", "document"])
def test_evaluator_scores_a_very_long_line_as_one_line(unit):
    line = "a b c " * 300_000
    evaluation = run(Remembering.random(5), f"a\n{line}\nb\n", unit)
    assert evaluation.token_count == 2 + 900_001 + 2
    model = Remembering.random(5)
    row = [5, *[A, B, C] * 300_000, EOS]
    middle = model.matrix[np.array(row[:-1]), np.array(row[1:])].sum(dtype=np.float64)
    if unit == "document":
        middle += model.matrix[EOS, A] - model.matrix[5, A]
    first = model.matrix[5, A] + model.matrix[A, EOS]
    last = model.matrix[5 if unit == "lines" else EOS, B] + model.matrix[B, EOS]
    assert evaluation.logprob == pytest.approx(float(middle + first + last), rel=1e-6)


@pytest.mark.parametrize("unit", ["lines", "document"])
def test_evaluate_is_unchanged_by_threads_to_the_last_bit(unit):
    lines = [" ".join("abcx"[(i * j) % 4] for j in range(i % 40)) for i in range(1, 30_000)]
    lines[10_000] = "a b x " * 300_000  # longer than what is held of a line: what comes of it waits for its beginning
    data = "\n".join(lines).encode()
    pieces = [data[i : i + 60_000] for i in range(0, len(data), 60_000)]
    model, before = Forgetting.random(5), thread_count()
    evaluator = Evaluator(model, WORDS, unit)
    for piece in pieces:
        run_to_completion(evaluator.feed(piece))
    expected = run_to_completion(evaluator.finish())
    try:
        for threads in (1, 2, 5):
            set_thread_count(threads)
            assert run_to_completion(evaluate(model, WORDS, pieces, unit)) == expected
    finally:
        set_thread_count(before)


def test_evaluator_yields_between_chunks():
    model = Bigram.random(5)
    model.chunk_tokens = 10  # type: ignore[misc]
    evaluator = Evaluator(model, WORDS, "document")
    sizes = list(evaluator.feed("a b c\n" * 25))
    assert sum(sizes) == 100
    assert max(sizes) <= 10


def test_evaluation_figures_of_bytes_and_words_are_of_the_text_and_not_of_tokens():
    # "é b\n  c": 3 words and 2 line ends; as it is scored, "é b\nc\n", 6 characters in 7 bytes.
    text = ["\u00e9 b\n  c"]
    words = Tokenizer.train(TokenizerConfig(pretokenized=True), ["\u00e9 b\nc\n"])
    letters = Tokenizer.train(TokenizerConfig(kind="character"), ["\u00e9 b\nc\n"])
    evaluation = run_to_completion(evaluate(Bigram.random(words.vocabulary_size), words, text, "lines"))
    assert (evaluation.token_count, evaluation.word_count, evaluation.line_count) == (5, 3, 2)
    assert (evaluation.byte_count, evaluation.characters) == (7, 6)
    assert evaluation.perplexity_per_word == evaluation.perplexity
    assert evaluation.bits_per_byte == pytest.approx(-evaluation.logprob / math.log(2) / 7)
    evaluation = run_to_completion(evaluate(Bigram.random(letters.vocabulary_size), letters, text, "document"))
    assert (evaluation.token_count, evaluation.word_count, evaluation.line_count) == (8, 3, 1)
    assert evaluation.byte_count == 8
    assert evaluation.perplexity_per_word == pytest.approx(math.exp(-evaluation.logprob / 4))


# --- unknown words and their spellings


def test_evaluation_charges_unknown_words_for_their_spelling():
    evaluation = run(uniform(5), "a xyz\na x\n")
    spellings = WORDS.speller.logprobs(["xyz", "x"]).sum()
    assert evaluation.perplexity == pytest.approx(5)
    assert evaluation.open_vocabulary_perplexity == pytest.approx(math.exp((6 * math.log(5) - spellings) / 6))
    assert evaluation.bits_per_byte == pytest.approx((6 * math.log(5) - spellings) / math.log(2) / 10)
    assert evaluation.perplexity_per_word == pytest.approx(evaluation.open_vocabulary_perplexity)


def test_evaluation_leaves_a_literal_unk_uncharged():
    words = Tokenizer.train(TokenizerConfig(pretokenized=True), ["a b\n"])
    evaluation = run(uniform(4), "a <unk>\n", tokenizer=words)
    assert evaluation.open_vocabulary_perplexity == evaluation.perplexity


@given(st.lists(st.sampled_from(["a", "b", "qx", "xyz"]), min_size=1, max_size=4))
def test_evaluation_of_all_texts_of_a_length_sums_to_one_or_less(words):
    # Of unknown words only some spellings are listed here: their probabilities sum to less than that of `<unk>`.
    total = sum(
        math.exp(run(uniform(5), " ".join([*words[:-1], word]) + "\n").text_logprob) for word in ("a", "b", "qx", "xyz")
    )
    assert total < math.exp(run(uniform(5), " ".join(words[:-1]) or "a", eos=False).text_logprob)


# --- without begin or end


def test_evaluate_may_leave_out_the_ends_of_lines():
    model = Forgetting.random(5)
    evaluation = run(model, "a b\nc\n", eos=False)
    # Row 5 is for having read nothing, row 1 for `</s>`; "a b" and "c" are scored, and neither end.
    assert evaluation.logprob == pytest.approx(model.matrix[EOS, A] + model.matrix[A, B] + model.matrix[EOS, C])
    assert (evaluation.token_count, evaluation.characters, evaluation.byte_count) == (3, 4, 4)
    assert (evaluation.word_count, evaluation.line_count) == (3, 0)


def test_evaluate_may_leave_out_the_end_of_a_document():
    model = Forgetting.random(5)
    evaluation = run(model, "a b\nc\n", "document", eos=False)
    inner = model.matrix[EOS, A] + model.matrix[A, B] + model.matrix[B, EOS] + model.matrix[EOS, C]
    assert evaluation.logprob == pytest.approx(inner)
    assert (evaluation.token_count, evaluation.characters, evaluation.line_count) == (4, 5, 1)
    assert run(model, "a b\nc", "document", eos=False) == evaluation


@pytest.mark.parametrize("eos", [True, False])
def test_evaluate_may_begin_from_nothing(eos):
    model = Forgetting.random(5)
    ends = model.matrix[A, EOS] + model.matrix[B, EOS] if eos else 0
    evaluation = run(model, "a\nb\n", bos=False, eos=eos)
    assert evaluation.logprob == pytest.approx(model.matrix[5, A] + model.matrix[5, B] + ends)
    document = run(model, "a\nb\n", "document", bos=False, eos=eos)
    last = model.matrix[B, EOS] if eos else 0
    assert document.logprob == pytest.approx(model.matrix[5, A] + model.matrix[A, EOS] + model.matrix[EOS, B] + last)


def test_evaluate_may_leave_out_the_end_of_characters():
    model = Bigram.random(5)
    evaluation = run(model, "ab", "document", CHARACTERS, eos=False)
    a, b = CHARACTERS.encode("ab").ids
    assert evaluation.logprob == pytest.approx(model.matrix[EOS, a] + model.matrix[a, b])
    assert (evaluation.token_count, evaluation.characters) == (2, 2)


@pytest.mark.parametrize("unit", ["lines", "document"])
def test_evaluate_refuses_a_text_that_is_only_an_end(unit):
    assert run(uniform(5), "\n", unit).token_count == 1
    with pytest.raises(InvalidText, match="something to score"):
        run(uniform(5), "\n", unit, eos=False)


@given(TEXTS, UNITS, st.lists(st.integers(0, 200), max_size=8), st.booleans(), st.booleans())
def test_evaluator_without_begin_or_end_is_unchanged_by_pieces(text, unit, cuts, bos, eos):
    data = (text + "a").encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(edges)]
    for kind in (Remembering, Forgetting):
        expected = run(kind.random(5), text + "a", unit, bos=bos, eos=eos)
        evaluation = run_to_completion(evaluate(kind.random(5), WORDS, pieces, unit, bos=bos, eos=eos))
        assert evaluation.logprob == pytest.approx(expected.logprob)
        for size in ("token_count", "oov_count", "characters", "byte_count", "word_count", "line_count"):
            assert getattr(evaluation, size) == getattr(expected, size)


ENGLISH = [
    "The captain looked at the sea.",
    "It was a very fine day, and they walked to the old house.",
    "She said no.",
]
OTHERS = [
    "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich verwandelt.",
    "Es war kein Traum.",
    "L'homme est né libre, et partout il est dans les fers.",
    "xkcd qwpo zmvn aslk dhfg qqzx",
    "eht tacpain dkoole ta hte eas",
    "asdf jkl asdf ghjk qwer uiop",
    "return sum(map(len, texts)) // (1 if kind else 5)",
    "https://www.example.com/index.html?id=12345",
]


@pytest.mark.parametrize("name", ["gutenberg-kn", "gutenberg-gru"])
def test_shipped_word_models_rank_english_before_everything_else_by_charged_figures(name):
    checkpoint = load(resolve(Path("checkpoints"), name).path, families=FAMILIES_BY_PRECISION["int8"])

    def figures(texts: list[str], figure: str) -> list[float]:
        evaluations = [run(checkpoint.language_model, text, tokenizer=checkpoint.tokenizer) for text in texts]
        return [getattr(evaluation, figure) for evaluation in evaluations]

    for figure in ("bits_per_byte", "open_vocabulary_perplexity"):
        assert max(figures(ENGLISH, figure)) < min(figures(OTHERS, figure))
    assert max(figures(ENGLISH, "perplexity")) > min(
        figures(OTHERS, "perplexity")
    )  # to which all unknown words are one
