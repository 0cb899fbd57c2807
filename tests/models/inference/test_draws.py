"""What is asked for rows that come and go stays theirs, and each has the numbers of its own stream in their order."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.inference.config import SamplingParams
from models.inference.sampling import PREFETCHED_UNIFORMS, BatchSampler, make_filter, random_generator
from models.kernels.sampling import SamplingMetadata

PARAMS = [
    SamplingParams(),
    SamplingParams(temperature=0, top_k=3),
    SamplingParams(temperature=0.5, ignore_end=True, allow_unk=True),
    SamplingParams(top_k=2),
    SamplingParams(top_p=0.5, ignore_end=True),
]
EVENTS = st.one_of(
    st.lists(st.sampled_from(PARAMS), max_size=3),  # those who come
    st.integers(0, 2**8 - 1),  # who stays, as bits
    st.sampled_from([1, 2, PREFETCHED_UNIFORMS - 1, PREFETCHED_UNIFORMS, PREFETCHED_UNIFORMS + 1]).map(
        lambda steps: (steps,)
    ),
)


def sample_once(params: Sequence[SamplingParams], generators: Sequence[np.random.Generator]) -> SamplingMetadata:
    """What rows that came together are sampled by, one number being taken for each."""
    sampler = BatchSampler(prefetch=1)
    sampler.join(params, generators)
    return sampler.next_metadata()


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=12))
def test_any_company_is_as_each_alone(events: list) -> None:
    draws, rows = BatchSampler(), []
    for count, event in enumerate(events):
        if isinstance(event, list):
            seeds = [(count, place) for place in range(len(event))]
            draws.join(event, [random_generator(*seed) for seed in seeds])
            rows += [(params, random_generator(*seed)) for params, seed in zip(event, seeds, strict=True)]
        elif isinstance(event, int):
            staying = [row for row in range(len(rows)) if event >> row % 8 & 1]
            draws.keep(staying)
            rows = [rows[row] for row in staying]
        else:
            for _ in range(*event):
                found = draws.next_metadata()
                expected = sample_once([params for params, _ in rows], [own for _, own in rows])
                for name in ("temperatures", "uniforms", "excluded"):
                    assert np.array_equal(getattr(found, name), getattr(expected, name))
                assert found.filters.keys() == {row for row, (params, _) in enumerate(rows) if make_filter(params)}
                for row, filtered in found.filters.items():
                    logprobs = np.log(np.array([0.1, 0.2, 0.3, 0.25, 0.15], np.float32))
                    assert np.array_equal(filtered(logprobs), make_filter(rows[row][0])(logprobs))


def test_an_earlier_choice_does_not_change_when_rows_go_on() -> None:
    draws = BatchSampler()
    draws.join(PARAMS, [random_generator(i) for i in range(len(PARAMS))])
    first = draws.next_metadata()
    kept = first.uniforms.copy()
    for _ in range(2 * PREFETCHED_UNIFORMS):
        draws.next_metadata()
    assert np.array_equal(first.uniforms, kept)
