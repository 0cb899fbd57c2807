"""Training configurations: accepted and refused values."""

import pytest

from models.errors import InvalidInput
from models.neural.training.config import TrainingConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("optimiser", "lion"),
        ("schedule", "linear"),
        ("initialisation", "zero"),
        ("batch_size", 0),
        ("bptt", 2.5),
        ("seed", -1),
        ("seed", 2**63),
        ("patience", True),
        ("epochs", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("weight_decay", -0.1),
        ("clip", "0.5"),
        ("dropout", 1.0),
        ("output_dropout", 1.0),
        ("input_dropout", -0.1),
        ("word_dropout", "0.1"),
        ("weight_drop", 1),
        ("averaging", 1.0),
        ("sampled_words", -1),
        ("initial_scale", -0.1),
        ("momentum", 1),
        ("noise", 1),
        ("reset_rate", 1.1),
        ("average_every", 0),
    ],
)
def test_config_names_the_field_it_refuses(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match="accepted") as caught:
        TrainingConfig(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_config_accepts_the_limits() -> None:
    TrainingConfig(epochs=0.01, clip=0, dropout=0, reset_rate=1, weight_decay=0, momentum=0.0, seed=0)
    TrainingConfig(input_dropout=0, output_dropout=None, averaging=0, sampled_words=0, initial_scale=0)
