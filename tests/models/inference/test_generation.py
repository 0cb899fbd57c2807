from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from models.errors import InvalidInput
from models.inference.config import SamplingParams
from models.inference.generation import Batch, generate, make_sequences, prompt_prefills
from models.inference.prefill import Runtime, prefill_prompts
from models.inference.scoring import score_texts
from models.inference.sequence import GenerationSequence, StepOutput
from models.language_model import LanguageModel
from models.special_tokens import EOS, UNK
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion
from tests.helpers.toy import Bigram

TOKENIZER = Tokenizer.train(TokenizerConfig(), ["a b c d e f\n"])
MODEL = Bigram.random(TOKENIZER.vocabulary_size)
A, B, C = (TOKENIZER.encode(word).ids[0] for word in "abc")
ASKED = {"top_logprobs": 2, "sampling_probabilities": True}


def run(model: LanguageModel, sequences: list[GenerationSequence]) -> list[StepOutput]:
    return list(generate(model, sequences))


def one(prompt: str = "", model: LanguageModel = MODEL, **params) -> GenerationSequence:
    (sequence,) = make_sequences(TOKENIZER, prompt, SamplingParams(**params))
    run(model, [sequence])
    return sequence


def chain(*words: str, end: float = 0.0) -> Bigram:
    """Says `words` in order from the start, over and over; after each, ends with probability `end`."""
    ids = [int(i) for i in TOKENIZER.encode(" ".join(words)).ids]
    rows = np.full((TOKENIZER.vocabulary_size + 1, TOKENIZER.vocabulary_size), 0.0)
    rows[:, ids[0]] = 1.0
    for before, after in pairwise(ids):
        rows[before] = 0.0
        rows[before, after] = 1.0 - end
        rows[before, EOS] = end
    return Bigram(rows)


# --- where a text begins and ends


def test_generate_begins_after_the_boundary_or_after_nothing():
    rows = np.full((TOKENIZER.vocabulary_size + 1, TOKENIZER.vocabulary_size), 0.0)
    rows[:, A] = 1.0
    rows[EOS] = np.eye(TOKENIZER.vocabulary_size)[B]
    model = Bigram(rows)
    assert one(model=model, max_tokens=2).text == "b a"
    assert one(model=model, max_tokens=2, start="zero").text == "a a"


def test_generate_continues_the_prompt():
    assert one("b c", chain("a", "b", "c", "d", "e"), max_tokens=2).text == " d e"


def test_generate_begins_a_line_without_a_blank():
    assert one("b c\n", chain("a", "b"), max_tokens=2).text == "a b"


def test_generate_ends_at_max_tokens():
    sequence = one(model=chain("a", "b", "c"), max_tokens=2)
    assert (sequence.text, sequence.finish_reason, sequence.tokens) == ("a b", "length", [A, B])


def test_generate_ends_at_the_boundary_which_is_no_part_of_the_text():
    sequence = one(model=chain("a", "b", end=1.0), max_tokens=9)
    assert (sequence.text, sequence.finish_reason, sequence.tokens, len(sequence.logprobs)) == ("a", "end", [A], 1)


def test_generate_can_forbid_the_boundary():
    assert one(model=chain("a", "b", end=0.9), max_tokens=5, ignore_end=True).text == "a b a b a"


def test_generate_says_that_no_continuation_is_left():
    sequence = one(model=chain("a", "b", end=1.0), max_tokens=9, ignore_end=True)
    assert (sequence.text, sequence.finish_reason, sequence.tokens) == ("a", "no_continuation", [A])


@pytest.mark.parametrize("temperature", [0, 1])
def test_generate_samples_unknown_words_only_where_allowed(temperature):
    rows = np.full((TOKENIZER.vocabulary_size + 1, TOKENIZER.vocabulary_size), 0.0)
    rows[:, UNK] = 1.0
    params = {"max_tokens": 2, "temperature": temperature}
    assert one(model=Bigram(rows), **params).finish_reason == "no_continuation"
    assert one(model=Bigram(rows), **params, allow_unk=True).tokens == [UNK, UNK]


def test_generate_ends_before_a_stop_string_that_spans_tokens():
    sequence = make_sequences(TOKENIZER, "", SamplingParams(stop=("c d",), max_tokens=9))[0]
    outputs = run(chain("a", "b", "c", "d", "e"), [sequence])
    assert [output.text for output in outputs] == ["a", " b", " ", ""]
    assert (sequence.text, sequence.finish_reason) == ("a b ", "stop")
    assert TOKENIZER.decode(sequence.tokens) == "a b c d"


def test_generate_gives_held_back_text_at_the_end():
    sequence = make_sequences(TOKENIZER, "", SamplingParams(stop=("b x",), max_tokens=2))[0]
    outputs = run(chain("a", "b", "c"), [sequence])
    assert [(output.text, output.finish_reason) for output in outputs] == [("a", None), (" b", "length")]
    ended = one(model=chain("a", "b", end=1.0), stop=("a x",))
    assert (ended.text, ended.finish_reason) == ("a", "end")


def test_step_outputs_join_to_the_text():
    sequences = make_sequences(TOKENIZER, "a", SamplingParams(seed=1, stop=("d e", "b"), max_tokens=30), n=20)
    outputs = run(MODEL, sequences)
    for sequence in sequences:
        own = [output for output in outputs if output.sequence is sequence]
        assert "".join(output.text for output in own) == sequence.text
        assert [output.token for output in own if output.token is not None] == sequence.tokens
        assert [output.finish_reason for output in own] == [None] * (len(own) - 1) + [sequence.finish_reason]


@pytest.mark.parametrize("stop", [(), ("d e", "b")])
def test_unstreamed_sequence_has_the_same_text_in_one_output(stop):
    for seed in range(20):
        params = SamplingParams(seed=seed, stop=stop, max_tokens=12)
        watched, unwatched = make_sequences(TOKENIZER, "a", params)[0], make_sequences(TOKENIZER, "a", params)[0]
        unwatched.streamed = False
        run(MODEL, [watched])
        outputs = run(MODEL, [unwatched])
        assert unwatched.text == watched.text
        assert unwatched.tokens == watched.tokens
        assert unwatched.finish_reason == watched.finish_reason
        assert len(outputs) == (len(watched.tokens) + (watched.finish_reason == "end") if stop else 1)
        assert "".join(output.text for output in outputs) == watched.text


# --- random numbers and log-probabilities


@pytest.mark.parametrize("params", [{"temperature": 0}, {"temperature": 0.3}, {"top_k": 2}, {"top_p": 0.5}])
def test_sequence_logprob_is_the_models_own_and_equals_scoring(params):
    sequence = one("b", ignore_end=True, max_tokens=12, seed=3, **params)
    text = TOKENIZER.decode(sequence.tokens)
    (score,) = run_to_completion(score_texts(MODEL, TOKENIZER, [text], context="b", eos=False))
    assert score.ids.tolist() == sequence.tokens
    assert sequence.logprobs == pytest.approx(score.logprobs.tolist())
    assert sequence.logprob == pytest.approx(score.logprob)


def test_generate_keeps_the_end_apart_from_the_tokens():
    model = chain("a", "b", end=0.25)
    sequence = one(model=model, max_tokens=99, seed=1, top_logprobs=2)
    assert sequence.finish_reason == "end"
    # A text ends only after a, where b is three times as probable.
    assert sequence.tokens[-1] == A
    assert sequence.end.logprob == pytest.approx(np.log(0.25))
    assert [token for token, _ in sequence.end.alternatives] == [B, EOS]
    assert dict(sequence.end.alternatives)[EOS] == sequence.end.logprob
    assert len(sequence.alternatives) == len(sequence.tokens)
    stopped = one(model=model, max_tokens=9, ignore_end=True, top_logprobs=2, logit_bias=((A, -100), (B, -100)))
    assert (stopped.finish_reason, stopped.tokens, stopped.alternatives) == ("no_continuation", [], [])


def test_generate_tells_sampling_probabilities_of_tokens_and_alternatives():
    model = chain("a", "b", end=0.25)
    plain, told = (one(model=model, max_tokens=99, seed=1, temperature=0.5, **more) for more in ({}, ASKED))
    assert (plain.tokens, plain.sampling_probabilities, plain.end.sampling_probabilities) == (told.tokens, [], ())
    # After a come b of 3/4 and the end of 1/4; at temperature 1/2 their squares 9 : 1. After b comes a for certain.
    expected = {B: (0.9, 0.9, 0.1), A: (1.0, 1.0, 0.0)}
    assert told.sampling_probabilities == [pytest.approx(expected[token]) for token in told.tokens]
    assert told.end.sampling_probabilities == pytest.approx((0.1, 0.9, 0.1))
    alone = one(model=model, max_tokens=99, seed=1, temperature=0.5, sampling_probabilities=True)
    assert alone.alternatives == []
    assert alone.sampling_probabilities == [probabilities[:1] for probabilities in told.sampling_probabilities]
    stopped = one(model=model, max_tokens=9, ignore_end=True, logit_bias=((A, -100), (B, -100)), **ASKED)
    assert (stopped.finish_reason, stopped.sampling_probabilities) == ("no_continuation", [])


def test_generate_bias_of_the_end_makes_texts_longer_or_shorter():
    model = chain("a", "b", end=0.25)

    def mean_length(bias: float) -> float:
        params = SamplingParams(seed=2, max_tokens=500, logit_bias=((EOS, bias),))
        sequences = make_sequences(TOKENIZER, "", params, n=400)
        run(model, sequences)
        return float(np.mean([len(sequence.tokens) for sequence in sequences]))

    # A text ends only after a. Odds of the end 1 : 3 become 3 : 3 and 1 : 9, so its probabilities 1/2 and 1/10. The
    # number of a is geometric, of mean 2 and 10, deviation 1.41 and 9.49; with the b between them, 3 and 19 words.
    assert mean_length(np.log(3)) == pytest.approx(3, abs=5 * 2 * 1.41 / 20)
    assert mean_length(-np.log(3)) == pytest.approx(19, abs=5 * 2 * 9.49 / 20)
    assert mean_length(-100) == 500


def test_sequences_refuse_a_bias_of_no_token():
    with pytest.raises(InvalidInput, match="token ids are 0 to"):
        make_sequences(TOKENIZER, "", SamplingParams(logit_bias=((TOKENIZER.vocabulary_size, 1.0),)))


def test_generate_samples_first_tokens_by_the_models_distribution():
    sequences = make_sequences(TOKENIZER, "a", SamplingParams(seed=5, max_tokens=1, allow_unk=True), n=4000)
    run(MODEL, sequences)
    counts = np.bincount([s.tokens[0] if s.tokens else EOS for s in sequences], minlength=TOKENIZER.vocabulary_size)
    assert chisquare(counts, np.exp(MODEL.matrix[A], dtype=np.float64) * 4000, sum_check=False).pvalue > 1e-4


def test_make_sequences_repeats_texts_for_a_seed_and_varies_samples():
    def texts(seed: int) -> list[str]:
        sequences = make_sequences(TOKENIZER, "", SamplingParams(seed=seed, ignore_end=True, max_tokens=20), n=5)
        run(MODEL, sequences)
        return [sequence.text for sequence in sequences]

    assert texts(1) == texts(1)
    assert len({*texts(1), *texts(2)}) == 10


def test_make_sequences_has_the_same_first_sample_whatever_n():
    alone, first = (make_sequences(TOKENIZER, "", SamplingParams(seed=4), n=n)[0] for n in (1, 3))
    run(MODEL, [alone])
    run(MODEL, [first])
    assert alone.tokens == first.tokens


# --- the batch


class Counting(Bigram):
    """Counts the tokens that it reads."""

    def advance(self, state, tokens, lengths=None):
        self.read = getattr(self, "read", 0) + (tokens.size if lengths is None else int(lengths.sum()))
        return super().advance(state, tokens, lengths)


def test_batch_admit_reads_the_prompt_of_several_samples_once():
    model = Counting.random(TOKENIZER.vocabulary_size)
    Batch(model).admit(
        make_sequences(TOKENIZER, "a b c", SamplingParams(), n=7) + make_sequences(TOKENIZER, "a", SamplingParams())
    )
    assert model.read == 3 + 1


def test_prefill_prompts_reads_a_long_prompt_in_chunks():
    model = Counting.random(TOKENIZER.vocabulary_size)
    model.chunk_tokens = 10
    sequences = make_sequences(TOKENIZER, "a b c " * 20, SamplingParams()) + make_sequences(
        TOKENIZER, "b", SamplingParams()
    )
    runtime = Runtime.default_for(model)
    sizes = list(prefill_prompts(model, prompt_prefills(model, sequences, runtime), runtime))
    assert sum(sizes) == 61
    assert max(sizes) <= 10


def test_batch_of_nothing_does_nothing():
    batch = Batch(MODEL)
    batch.admit([])
    assert batch.step() == []
    assert not batch


def test_batch_evict_gives_an_unstreamed_sequence_its_text():
    batch = Batch(chain("a", "b", "c", "d"))
    (leaving,) = make_sequences(TOKENIZER, "", SamplingParams(max_tokens=9))
    leaving.streamed = False
    batch.admit([leaving])
    assert [batch.step(), batch.step()] == [[], []]
    assert batch.evict(leaving).text == leaving.text == "a b"


def test_batch_evict_gives_the_text_so_far():
    batch = Batch(chain("a", "b", "c", "d"))
    leaving, staying = make_sequences(TOKENIZER, "", SamplingParams(stop=("b x",), max_tokens=3), n=2)
    batch.admit([leaving, staying])
    for _ in range(2):
        batch.step()
    output = batch.evict(leaving)
    assert (leaving.finish_reason, leaving.text) == ("cancelled", "a b")
    assert (output.text, output.token, output.finish_reason) == ("b", None, "cancelled")
    assert batch.evict(leaving) is None
    assert [output.sequence for output in batch.step()] == [staying]
    assert (staying.text, len(batch)) == ("a b c", 0)
    assert batch.evict(staying) is None
    assert staying.finish_reason == "length"


def test_batch_join_leaves_out_a_sequence_cancelled_during_prefill():
    batch = Batch(chain("a", "b", "c"))
    leaving, staying = make_sequences(TOKENIZER, "a", SamplingParams(max_tokens=2), n=2)
    runtime = Runtime.default_for(MODEL)
    state = run_to_completion(prefill_prompts(MODEL, prompt_prefills(MODEL, [leaving, staying], runtime), runtime))
    leaving.finish("cancelled")
    batch.join([leaving, staying], state)
    assert [output.sequence for output in batch.step()] == [staying]
    assert (leaving.tokens, leaving.finish_reason) == ([], "cancelled")


def request(number: int) -> GenerationSequence:
    """One of many requests, no two alike."""
    params = SamplingParams(
        seed=number // 2,
        temperature=(0.0, 0.7, 1.5)[number % 3],
        top_k=(0, 3)[number % 2],
        max_tokens=1 + number % 13,
        stop=("d e", "a") if number % 4 == 0 else (),
        ignore_end=number % 5 > 0,
        start=("boundary", "zero")[number % 2],
    )
    prompt = ("", "a", "b c d", "e\n")[number % 4]
    return make_sequences(TOKENIZER, prompt, params, n=3)[number % 3]


Moves = st.lists(
    st.one_of(
        st.just("step"),
        st.lists(st.integers(0, 40), min_size=1, max_size=4),
        st.integers(0, 9).map(lambda row: ("evict", row)),
    ),
    max_size=30,
)


@given(Moves)
def test_batch_gives_each_request_its_own_result_in_any_company(moves):
    batch, admitted = Batch(MODEL), []
    for move in [*moves, *["step"] * 13]:
        if move == "step":
            batch.step()
        elif isinstance(move, list):
            sequences = [request(number) for number in move]
            batch.admit(sequences)
            admitted += zip(move, sequences, strict=True)
        elif batch:
            batch.evict(batch.sequences[move[1] % len(batch)])
    assert not batch
    for number, sequence in admitted:
        alone = request(number)
        run(MODEL, [alone])
        count = len(sequence.tokens)
        if sequence.finish_reason == "cancelled":
            assert sequence.tokens == alone.tokens[:count]
            assert alone.logprobs[:count] == sequence.logprobs
        else:
            assert (sequence.tokens, sequence.logprobs) == (alone.tokens, alone.logprobs)
            assert (sequence.text, sequence.finish_reason) == (alone.text, alone.finish_reason)
