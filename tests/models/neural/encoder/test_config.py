"""Which architectures of encoders are accepted, and the sizes that follow from them."""

from typing import Any

import pytest

from models.errors import InvalidInput
from models.neural.encoder.config import EncoderConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cell", "feedforward"),
        ("direction", "up"),
        ("layers", 0),
        ("hidden_size", 1.5),
        ("embedding_size", True),
        ("character_embedding_size", -1),
        ("separate", "yes"),
        ("storage", "int8"),
    ],
)
def test_encoder_config_names_the_field_that_is_not_accepted(field: str, value: object) -> None:
    fields: dict[str, Any] = {field: value}
    with pytest.raises(InvalidInput, match=f"^{field}: .* accepted"):
        EncoderConfig(**fields)


def test_encoder_config_reads_both_directions_of_the_layer_below_unless_they_are_separate() -> None:
    assert EncoderConfig(hidden_size=7, layers=2).layer_input_size(1) == 14
    assert EncoderConfig(hidden_size=7, layers=2, separate=True).layer_input_size(1) == 7
    assert EncoderConfig(hidden_size=7, layers=2, direction="forward").layer_input_size(1) == 7


def test_encoder_config_adds_the_vectors_of_both_ends_of_a_word_to_its_embedding() -> None:
    config = EncoderConfig(embedding_size=10, character_embedding_size=4, character_hidden_size=6)
    assert config.input_size == config.layer_input_size(0) == 10 + 2 * 6
