"""Completions equal those found by enumerating words, and their probabilities those of `analyze_text`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
import pytest

from models.errors import InvalidInput
from models.evaluation.surprisal.analysis import analyze_text
from models.inference.prediction.next_token import next_tokens
from models.inference.prediction.predictions import NextTokenQuery
from models.inference.scoring import score_texts
from models.inference.typing.complete import complete
from models.inference.typing.query import CompletionQuery, Completions
from models.inference.typing.typed_word import MAX_HEALED
from models.special_tokens import EOS
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.toy import Bigram

WORDS = Tokenizer(
    TokenizerConfig(), ["<unk>", "</s>", "I", "do", "don", "n't", "'s", "'ll", "-", "well", "known", "Do", "dot"]
)
LETTERS = Tokenizer(TokenizerConfig(kind="character"), ["<unk>", "</s>", "q", "u", " ", "\n"])
PARTS = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=266), ["the queen the quiet quilt\n" * 9])
TOKENIZERS = {"words": WORDS, "letters": LETTERS, "parts": PARTS}
CONTEXTS = {"words": "I", "letters": "qu", "parts": "the"}
USEFUL = {i for i in range(EOS + 1, 266) if set(PARTS.token_bytes(i)) <= set(b"theqniltu ,")}
TYPED = [("words", typed) for typed in ("", "d", "don", "don'", "I'l", "well-k", "well-", "x")]
TYPED += [("letters", typed) for typed in ("", "q", "qu")] + [("parts", typed) for typed in ("q", "qu", "qui")]


def model_of(tokenizer: Tokenizer) -> Bigram:
    """Return a random model, which gives tokens of other letters than those of the text no probability."""
    random = Bigram.random(tokenizer.vocabulary_size, seed=5)
    if tokenizer is not PARTS:
        return random
    weights = np.exp(random.matrix)
    weights[:, [i for i in range(EOS + 1, PARTS.vocabulary_size) if i not in USEFUL]] = 0
    return Bigram(weights / weights.sum(1, keepdims=True))


def ask(name: str, context: str | None = None, bos: bool = True, heal: bool = False, **query: object) -> Completions:
    tokenizer = TOKENIZERS[name]
    text = CONTEXTS[name] if context is None else context
    options = {"beam": 256, "top_k": 100, "shortlist": 100} | query
    question = CompletionQuery(**options)  # type: ignore[arg-type]
    return run_to_completion(complete(model_of(tokenizer), tokenizer, text, question, bos=bos, heal=heal))


def logprobs(found: Completions) -> dict[str, float]:
    return {completion.text: completion.logprob for completion in found.completions}


def enumerate_words(name: str, context: str, longest: int) -> dict[str, float]:
    """Return log P of all words of up to `longest` tokens, as `models.evaluation.surprisal` defines it."""
    tokenizer, matrix = TOKENIZERS[name], model_of(TOKENIZERS[name]).matrix
    boundaries = tokenizer.boundary_tokens
    last = int(tokenizer.encode(context).ids[-1]) if context else EOS
    words = {}
    for ids in _sequences(tokenizer, longest, bool(context)):
        logprob = float(sum(matrix[a, b] for a, b in zip([last, *ids], ids, strict=False)))
        if boundaries is not None:
            logprob += float(np.logaddexp.reduce(matrix[ids[-1], boundaries]))
            logprob -= float(np.logaddexp.reduce(matrix[last, boundaries])) if context else 0.0
        words[b"".join(map(tokenizer.token_bytes, ids)).decode().lstrip(" ")] = logprob
    return words


def _sequences(tokenizer: Tokenizer, longest: int, blank: bool) -> Iterator[tuple[int, ...]]:
    """Yield the encodings of words, each behind a blank if there is one to be."""
    spellings = {i: tokenizer.token_bytes(i) for i in range(EOS + 1, tokenizer.vocabulary_size)}
    for size in range(1, longest + 1):
        for ids in product(sorted(USEFUL) if tokenizer is PARTS else list(spellings), repeat=size):
            text = b"".join(spellings[i] for i in ids)
            word = text[blank:] if tokenizer is not WORDS else text
            if tokenizer is not WORDS and text[:blank] != b" " * blank:
                continue
            if not word or set(word) & set(b" \n"):
                continue
            if tokenizer.encode(text.decode()).ids.tolist() == list(ids):
                yield ids


@pytest.mark.parametrize("context", ["", None])
@pytest.mark.parametrize(("name", "typed"), TYPED)
def test_complete_finds_the_words_that_enumeration_finds(name: str, typed: str, context: str | None) -> None:
    found = ask(name, context, prefix=typed, top_k=3 if name == "parts" else 15)
    longest = {"words": 3, "letters": 8, "parts": 3}[name]
    words = enumerate_words(name, CONTEXTS[name] if context is None else context, longest)
    expected = {word: logprob for word, logprob in words.items() if word.startswith(typed)}
    if name == "words":  # words end with the first token that reaches the end of what was typed
        expected = {
            word: p for word, p in expected.items() if len(WORDS.encode(word).ids) == 1 or not _ends_sooner(word, typed)
        }
    best = sorted(expected.values(), reverse=True)[: len(found.completions)]
    assert [completion.logprob for completion in found.completions] == pytest.approx(best, abs=1e-5)
    for text, logprob in logprobs(found).items():
        assert logprob == pytest.approx(expected[text], abs=1e-5)
    if name == "words":
        assert len(found.completions) == min(15, len(expected))
        assert found.logprob == pytest.approx(np.logaddexp.reduce([-np.inf, *expected.values()]), abs=1e-5)


def _ends_sooner(word: str, typed: str) -> bool:
    ids = WORDS.encode(word).ids.tolist()
    return len(b"".join(map(WORDS.token_bytes, ids[:-1]))) >= len(typed)


@pytest.mark.parametrize(("name", "typed"), [("words", "d"), ("words", "don'"), ("letters", "q"), ("parts", "qu")])
def test_complete_gives_words_the_probability_that_analysis_gives_them(name: str, typed: str) -> None:
    tokenizer, context = TOKENIZERS[name], CONTEXTS[name]
    for text, logprob in logprobs(ask(name, prefix=typed, top_k=8)).items():
        steps = analyze_text(model_of(tokenizer), tokenizer, f"{context} {text}", eos=False)
        analysis = run_to_completion(steps)
        assert analysis.surprisal(analysis.units[-1]) == pytest.approx(-logprob / math.log(2), abs=1e-4), text


@pytest.mark.parametrize("typed", ["", "d", "don'", "I'l", "well-"])
def test_complete_agrees_with_the_next_tokens_that_continue_a_prefix(typed: str) -> None:
    query = NextTokenQuery(0, typed)
    (prediction,) = run_to_completion(next_tokens(model_of(WORDS), WORDS, ["I"], query))
    found = ask("words", prefix=typed)
    assert [completion.tokens[-1] for completion in found.completions] == prediction.ids
    if typed:
        assert found.logprob == pytest.approx(prediction.typed.logprob if prediction.typed else 0)


KEYS: list[Mapping[str, float]] = [{"d": 0.7, "D": 0.2, "k": 0.1}, {"o": 0.9, "n": 0.1}, {"n": 0.5, "t": 0.3, "o": 0.2}]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_complete_weighs_words_by_what_was_typed_for_their_letters(count: int) -> None:
    found = ask("words", keystrokes=KEYS[:count])
    words = {WORDS.vocabulary[i]: math.exp(model_of(WORDS).matrix[2, i]) for i in range(2, WORDS.vocabulary_size)}
    joint = {word: p * _likelihood(word, KEYS[:count]) for word, p in words.items() if len(word) >= count}
    if count == 3:  # do and n't are two tokens of one word, which has letters enough for three keys
        joint["don't"] = math.exp(model_of(WORDS).matrix[2, 3] + model_of(WORDS).matrix[3, 5]) * _likelihood(
            "don", KEYS
        )
        joint["Don't"] = math.exp(model_of(WORDS).matrix[2, 11] + model_of(WORDS).matrix[11, 5]) * _likelihood(
            "Don", KEYS
        )
    joint = {word: p for word, p in joint.items() if p}
    total = sum(joint.values())
    posteriors = {completion.text: completion.posterior for completion in found.completions}
    assert posteriors == pytest.approx({word: p / total for word, p in joint.items()})
    assert math.exp(found.logprob) == pytest.approx(total)
    assert found.typed == "don"[:count]


def _likelihood(word: str, keys: list[Mapping[str, float]]) -> float:
    return math.prod(key.get(letter, 0.0) for letter, key in zip(word, keys, strict=False))


def test_complete_weighs_words_of_letters_alike() -> None:
    keys = [{"q": 0.6, "u": 0.4}, {"u": 0.7, "q": 0.3}]
    found = ask("letters", keystrokes=keys, top_k=12)
    words = enumerate_words("letters", "qu", 8)
    joint = {word: p + math.log(_likelihood(word, keys)) for word, p in words.items() if len(word) > 1}
    best = sorted(joint, key=joint.__getitem__, reverse=True)[:12]
    assert [completion.text for completion in found.completions] == best
    ratios = [completion.posterior / found.completions[0].posterior for completion in found.completions]
    assert ratios == pytest.approx([math.exp(joint[word] - joint[best[0]]) for word in best], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("words", "do"),
        ("words", "- known"),
        ("letters", "uq u"),
        ("letters", "\nu"),
        ("parts", "quilt"),
        ("parts", ", the"),
    ],
)
def test_complete_reads_the_right_context_after_each_word(name: str, right: str) -> None:
    tokenizer, model = TOKENIZERS[name], model_of(TOKENIZERS[name])
    found = ask(name, right=right, prefix="" if name == "words" else "q", top_k=12, shortlist=12)
    joint = "" if right[0] in "\n," else " "
    texts = [f"{CONTEXTS[name]} {completion.text}{joint}{right}" for completion in found.completions]
    scores = [score.logprob for score in run_to_completion(score_texts(model, tokenizer, texts, eos=False))]
    ratios = [math.log(completion.posterior / found.completions[0].posterior) for completion in found.completions]
    assert ratios == pytest.approx([score - scores[0] for score in scores], abs=1e-4)
    assert sum(completion.posterior for completion in found.completions) == pytest.approx(1)
    assert ratios == sorted(ratios, reverse=True)


def test_complete_leaves_out_a_right_context_that_goes_with_no_word() -> None:
    weights = np.exp(model_of(WORDS).matrix)
    weights[:, WORDS.token_to_id("known")] = 0
    model = Bigram(weights / weights.sum(1, keepdims=True))
    plain, beside = (
        run_to_completion(complete(model, WORDS, "I", CompletionQuery("d", right=right, shortlist=5)))
        for right in ("", "known")
    )
    assert len(plain.completions) == 3
    assert [item.text for item in beside.completions] == [item.text for item in plain.completions]
    for with_right, without in zip(beside.completions, plain.completions, strict=True):
        assert with_right.posterior == pytest.approx(without.posterior)
    assert sum(item.posterior for item in beside.completions) == pytest.approx(1)


def test_complete_finds_phrases_of_words() -> None:
    matrix, found = model_of(WORDS).matrix, ask("words", words=2, prefix="d")
    expected = {}
    for first in (i for i, word in enumerate(WORDS.vocabulary) if word.startswith("d")):
        for second in range(EOS, WORDS.vocabulary_size):
            expected[first, second] = float(matrix[2, first] + matrix[first, second])
    tokens = {(*completion.tokens, EOS)[:2]: completion.logprob for completion in found.completions}
    assert tokens == pytest.approx(expected, abs=1e-5)
    assert found.logprob == pytest.approx(np.logaddexp.reduce(list(expected.values())), abs=1e-5)
    assert [completion.ends_line for completion in found.completions] == [len(c.tokens) == 1 for c in found.completions]


@pytest.mark.parametrize("name", ["letters", "parts"])
def test_complete_gives_phrases_the_probability_that_analysis_gives_them(name: str) -> None:
    tokenizer, context = TOKENIZERS[name], CONTEXTS[name]
    found = [item for item in ask(name, words=2, prefix="q", top_k=8).completions if not item.ends_line]
    assert found
    for completion in found:
        assert completion.text.count(" ") == 1
        text = f"{context} {completion.text}"
        span = (len(context) + 1, len(text))
        analysis = run_to_completion(analyze_text(model_of(tokenizer), tokenizer, text, eos=False, spans=[span]))
        assert analysis.surprisal(analysis.units[0]) == pytest.approx(-completion.logprob / math.log(2), abs=1e-4)


@pytest.mark.parametrize("name", ["words", "letters", "parts"])
def test_complete_adds_the_bias_of_own_words_and_finds_them_in_a_narrow_beam(name: str) -> None:
    word = {"words": "dot", "letters": "qquuqq", "parts": "quiltq"}[name]
    plain = run_to_completion(
        complete(
            model_of(TOKENIZERS[name]),
            TOKENIZERS[name],
            CONTEXTS[name],
            CompletionQuery(word[:2], bias={word: 0.0}, top_k=100, shortlist=100, beam=4),
        )
    )
    found = ask(name, prefix=word[:2], bias={word: 3.0}, beam=4)
    assert logprobs(found)[word] == pytest.approx(logprobs(plain)[word])
    odds = {text: {c.text: c.posterior for c in f.completions}[word] for text, f in (("plain", plain), ("own", found))}
    own, before = odds["own"] / (1 - odds["own"]), odds["plain"] / (1 - odds["plain"])
    assert math.log(own / before) == pytest.approx(3)
    steps = analyze_text(model_of(TOKENIZERS[name]), TOKENIZERS[name], f"{CONTEXTS[name]} {word}", eos=False)
    analysis = run_to_completion(steps)
    assert analysis.surprisal(analysis.units[-1]) == pytest.approx(-logprobs(found)[word] / math.log(2), abs=1e-4)


def test_complete_charges_unknown_own_words_for_their_spelling() -> None:
    found = ask("words", prefix="Zo", bias={"Zoe": 2.0, "Zorba": 1.0, "Anna": 5.0})
    spellings = WORDS.speller.logprobs(["Zoe", "Zorba"]) + model_of(WORDS).matrix[2, 0]
    assert logprobs(found) == pytest.approx(dict(zip(["Zoe", "Zorba"], spellings, strict=True)))
    assert all(completion.oov for completion in found.completions)


@pytest.mark.parametrize(("name", "hidden"), [("words", "DO"), ("letters", "q"), ("parts", "QU")])
@pytest.mark.parametrize("words", [1, 2])
def test_complete_never_shows_excluded_words(name: str, hidden: str, words: int) -> None:
    bias = {hidden.lower(): 50.0}
    typed = hidden[0].lower()
    shown = {
        word for c in ask(name, prefix=typed, words=words, top_k=20).completions for word in c.text.lower().split()
    }
    assert hidden.lower() in shown
    found = ask(name, prefix=typed, words=words, exclude=[hidden], bias=bias, top_k=20)
    assert found.completions
    assert hidden.lower() not in {word for c in found.completions for word in c.text.lower().split()}


@pytest.mark.parametrize("name", ["words", "letters", "parts"])
def test_complete_takes_what_is_typed_from_context_or_prefix(name: str) -> None:
    word = {"words": "well", "letters": "qu", "parts": "quilt"}[name]
    typed = word[:2]
    expected = logprobs(ask(name, f"{word} {word}", prefix=typed))
    assert expected
    assert logprobs(ask(name, f"{word} {word} ", prefix=typed)) == expected
    assert logprobs(ask(name, word, prefix=f"{word} {typed}")) == expected
    assert logprobs(ask(name, f"{word} {word} {typed[0]}", prefix=typed[1], heal=True)) == expected


def test_complete_refuses_to_heal_a_word_that_is_too_long() -> None:
    for name in ("words", "letters"):
        assert ask(name, "q" * MAX_HEALED, heal=True).completions is not None
        with pytest.raises(InvalidInput, match=f"^context: .*at most {MAX_HEALED} characters, not {MAX_HEALED + 1}"):
            ask(name, "q" * MAX_HEALED, prefix="q", heal=True)


def test_complete_ignores_the_case_of_letters_where_asked() -> None:
    assert set(logprobs(ask("words", prefix="Do"))) == {"Do"}
    assert set(logprobs(ask("words", prefix="Do", ignore_case=True))) == {"Do", "do", "don", "dot"}


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("top_k", {"top_k": 0}),
        ("words", {"words": 6}),
        ("beam", {"beam": 257}),
        ("shortlist", {"top_k": 9, "shortlist": 8}),
        ("prefix", {"prefix": "a" * 65}),
        ("keystrokes.1", {"keystrokes": [{"a": 1.0}, {"ab": 1.0}]}),
        ("keystrokes.0.a", {"keystrokes": [{"a": 1.5}]}),
        ("keystrokes.0", {"keystrokes": [{"a": 0.0}]}),
        ("bias", {"bias": {"two words": 1.0}}),
        ("bias.x", {"bias": {"x": math.inf}}),
        ("exclude", {"exclude": ["a"] * 2001}),
    ],
)
def test_completion_query_names_the_field_that_is_not_accepted(field: str, query: dict) -> None:
    with pytest.raises(InvalidInput) as error:
        CompletionQuery(**query)
    assert error.value.field == field


MARKED = Tokenizer(TokenizerConfig(kind="character"), ["<unk>", "</s>", "q", "u", " ", ",", "'"])


@pytest.mark.parametrize("words", [1, 2])
def test_complete_ends_words_at_punctuation_where_asked(words: int) -> None:
    model = Bigram.random(MARKED.vocabulary_size, seed=5)
    query = CompletionQuery("q", top_k=12, shortlist=12, beam=256, words=words, punctuation=False)
    found = run_to_completion(complete(model, MARKED, "uq", query))
    assert found.completions
    blanks = np.logaddexp.reduce(model.matrix[2, [1, 4]])  # q is 2, the blank 4, the end 1, the comma 5
    for completion in found.completions:
        assert set(completion.text) <= set("qu' ")
        ids = MARKED.encode(f" {completion.text}").ids.tolist()
        logprob = float(sum(model.matrix[a, b] for a, b in zip([2, *ids], ids, strict=False)) - blanks)
        if completion.ends_line:
            expected = logprob + model.matrix[ids[-1], 1]
        else:
            expected = logprob + np.logaddexp.reduce(model.matrix[ids[-1], [1, 4, 5]])
        assert completion.logprob == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("query", [{}, {"words": 2}, {"bias": {"do": 1.0}}])
def test_complete_leaves_punctuation_out_of_word_models(query: dict) -> None:
    marks = Tokenizer(TokenizerConfig(), ["<unk>", "</s>", "do", ",", "...", "n't", "-"])
    model = Bigram.random(marks.vocabulary_size, seed=5)
    question = CompletionQuery(top_k=50, shortlist=50, punctuation=False, **query)
    found = run_to_completion(complete(model, marks, "do", question))
    words = {marks.vocabulary[i] for completion in found.completions for i in completion.tokens}
    assert words == {"do", "n't", "-"}


@pytest.mark.parametrize("ignore_case", [False, True])
def test_complete_takes_letters_that_the_tokenizer_writes_otherwise(ignore_case: bool) -> None:
    words = Tokenizer(TokenizerConfig(normalize=("punctuation",)), ["<unk>", "</s>", "...", "do"])
    query = CompletionQuery(keystrokes=[{"\u2026": 1.0, "\u00df": 0.5}], ignore_case=ignore_case)
    found = run_to_completion(complete(Bigram.random(4), words, "", query))
    assert [completion.text for completion in found.completions] == ["..."]


@pytest.mark.parametrize("name", ["words", "letters", "parts"])
def test_complete_adds_the_bias_of_own_words_anywhere_in_a_phrase(name: str) -> None:
    typed = "d" if name == "words" else "q"
    phrases = [c.text.split() for c in ask(name, prefix=typed, words=2).completions if not c.ends_line]
    own = next(words[1] for words in phrases if len(words) == 2 and not words[1].startswith(typed))
    plain, biased = (ask(name, prefix=typed, words=2, bias={own: nats}) for nats in (0.0, 3.0))
    before, after = ({c.text: math.log(c.posterior) for c in found.completions} for found in (plain, biased))
    gains = {text: after[text] - before[text] for text in before.keys() & after.keys()}
    with_own = [gain for text, gain in gains.items() if text.split()[1:] == [own]]
    others = [gain for text, gain in gains.items() if own not in text.split()]
    assert with_own
    assert with_own == pytest.approx([others[0] + 3] * len(with_own), abs=1e-3)
    assert others == pytest.approx([others[0]] * len(others), abs=1e-3)
