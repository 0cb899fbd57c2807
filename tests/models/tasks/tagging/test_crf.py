"""Loss of conditional random fields: against enumeration, against the chain that serves, and with padding."""

from itertools import pairwise, product

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.tasks.tagging.chain import Chain
from models.tasks.tagging.crf import ChainScores, crf_loss, log_partition, path_score


def random_sentence(tags: int, tokens: int, seed: int) -> tuple[Tensor, ChainScores]:
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    return draw(1, tokens, tags), ChainScores(draw(tags), draw(tags, tags), draw(tags))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10_000))
def test_log_partition_sums_all_sequences_of_tags(tags: int, tokens: int, seed: int) -> None:
    emissions, scores = random_sentence(tags, tokens, seed)
    total = 0.0
    for path in product(range(tags), repeat=tokens):
        score = scores.start[path[0]] + scores.end[path[-1]]
        score = score + sum(emissions[0, t, tag] for t, tag in enumerate(path))
        score = score + sum(scores.transitions[a, b] for a, b in pairwise(path))
        assert torch.isclose(path_score(emissions, torch.tensor([path]), torch.tensor([tokens]), scores)[0], score)
        total += float(score.exp())
    assert np.isclose(float(log_partition(emissions, torch.tensor([tokens]), scores)), np.log(total))


@given(st.integers(2, 5), st.integers(1, 6), st.integers(0, 10_000))
def test_crf_loss_equals_the_chain_that_serves(tags: int, tokens: int, seed: int) -> None:
    emissions, scores = random_sentence(tags, tokens, seed)
    path = torch.randint(tags, (1, tokens), generator=torch.Generator().manual_seed(seed))
    loss = float(crf_loss(emissions, path, torch.tensor([tokens]), scores))
    start, transitions, end = (part.numpy() for part in scores)
    steps = [transitions + row for row in emissions[0, 1:].numpy()]
    first = start + emissions[0, 0].numpy()
    chain = Chain(first, [*steps[:-1], steps[-1] + end]) if steps else Chain(first + end, [])
    masks = [np.arange(tags) == tag for tag in path[0].tolist()]
    assert np.isclose(loss, -chain.log_probability(0, masks))


def test_crf_loss_of_a_sentence_does_not_depend_on_padding_or_company() -> None:
    emissions, scores = random_sentence(tags=3, tokens=6, seed=1)
    emissions = emissions.repeat(3, 1, 1) + torch.arange(3.0)[:, None, None] * torch.ones(6, 3).cumsum(1)
    tags = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]])
    lengths = torch.tensor([6, 3, 1])
    together = crf_loss(emissions, tags, lengths, scores)
    for row, length in enumerate(lengths.tolist()):
        alone = crf_loss(
            emissions[row : row + 1, :length], tags[row : row + 1, :length], lengths[row : row + 1], scores
        )
        assert torch.isclose(together[row], alone[0])
