"""OpenFst text read back by a reader of its own: what a path weighs is -log P of the model."""

import math
from collections import defaultdict

import numpy as np
import pytest

from models.errors import InvalidInput
from models.ngram.config import NgramConfig
from models.ngram.formats.openfst import Labels, check_symbols, format_openfst, format_symbols, join_lines
from tests.helpers.estimation import estimate_model

SIZE = 30
TRAINING = np.random.default_rng(3).integers(2, 20, (60, 8)).tolist()
LINES = np.random.default_rng(4).integers(2, 24, (30, 5)).tolist()
LINES += [[], [0, 5, 0]]


class Automaton:
    """Automaton as OpenFst reads it: arcs by state and label, weights of ending, the start."""

    def __init__(self, text: str, backoff_label: int) -> None:
        self.arcs: dict[int, dict[int, tuple[int, float]]] = defaultdict(dict)
        self.final: dict[int, float] = {}
        self.backoff_label = backoff_label
        rows = [line.split("\t") for line in text.splitlines()]
        self.start = int(rows[0][0])
        for row in rows:
            if len(row) == 2:
                self.final[int(row[0])] = float(row[1])
                continue
            source, target, label, output, weight = row
            assert output == (label if int(label) != backoff_label else "0")
            assert int(label) not in self.arcs[int(source)]
            self.arcs[int(source)][int(label)] = int(target), float(weight)

    def weigh(self, labels: list[int]) -> float:
        """Sum the weights along the labels, back-off arcs being taken where there is no other, and of ending."""
        state, total = self.start, 0.0
        for label in labels:
            while label not in self.arcs[state]:
                if self.backoff_label not in self.arcs[state]:
                    return math.inf
                state, weight = self.arcs[state][self.backoff_label]
                total += weight
            state, weight = self.arcs[state][label]
            total += weight
        while state not in self.final:
            if self.backoff_label not in self.arcs[state]:
                return math.inf
            state, weight = self.arcs[state][self.backoff_label]
            total += weight
        return total + self.final[state]


@pytest.mark.parametrize(
    "config",
    [NgramConfig(2), NgramConfig(1), NgramConfig(2, "mle"), NgramConfig(2, "backoff"), NgramConfig(2, prune=(0, 1))],
    ids=str,
)
@pytest.mark.parametrize("shift", [0, 7], ids=["own ids", "ids of another tokenizer"])
def test_format_openfst_weighs_paths_as_the_model_does(config: NgramConfig, shift: int) -> None:
    model = estimate_model(TRAINING, config, SIZE)
    public_ids = np.roll(np.arange(SIZE), shift)
    labels = Labels.of(public_ids)
    automaton = Automaton("".join(format_openfst(model.table, labels)), labels.backoff)
    for line in LINES:
        logprobs = model.score_ids(model.begin_state(1), np.array([*line, 1]))[0]
        weight = automaton.weigh(labels.tokens[line].tolist() if line else [])
        assert weight == pytest.approx(-float(logprobs.sum()), abs=1e-4)


def test_format_openfst_begins_with_the_start() -> None:
    table = estimate_model(TRAINING, NgramConfig(2), SIZE).table
    first = next(format_openfst(table, Labels.of(np.arange(SIZE))))
    assert first.splitlines()[0].split("\t")[:4] == ["1", "30", "30", "0"]


def test_format_openfst_refuses_longer_ngrams() -> None:
    table = estimate_model(TRAINING, NgramConfig(3), SIZE).table
    with pytest.raises(InvalidInput, match="order 3"):
        format_openfst(table, Labels.of(np.arange(SIZE)))


def test_labels_of_keeps_ids_but_zero_which_is_the_empty_words() -> None:
    assert [part if isinstance(part, int) else part.tolist() for part in Labels.of(np.array([0, 1, 2]))] == [
        [4, 1, 2],
        3,
    ]
    labels = Labels.of(np.array([-1, 2, 0, 1]))
    assert (labels.tokens.tolist(), labels.backoff) == ([4, 2, 5, 1], 3)


def test_format_symbols_numbers_every_label_once() -> None:
    text = "".join(format_symbols(["<unk>", "</s>", "a"], Labels.of(np.arange(3))))
    assert text == "<eps>\t0\n</s>\t1\na\t2\n#0\t3\n<unk>\t4\n"


@pytest.mark.parametrize("word", ["<eps>", "#0"])
def test_check_symbols_refuses_words_that_name_other_labels(word: str) -> None:
    check_symbols(["<unk>", "</s>", "a"])
    with pytest.raises(InvalidInput, match="name of another label"):
        check_symbols(["<unk>", "</s>", word])


def test_join_lines_yields_all_lines_in_large_pieces() -> None:
    lines = [f"{i}\n" for i in range(5000)]
    pieces = list(join_lines(iter(lines)))
    assert "".join(pieces) == "".join(lines)
    assert [piece.count("\n") for piece in pieces] == [2048, 2048, 904]
