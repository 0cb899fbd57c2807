"""API keys: random, told by their hash, with names that logs can show."""

import pytest

from app.core.api_keys import NAME, PREFIX, check_key_name, digest_key, generate_key
from models.errors import InvalidInput


def test_generated_keys_differ_and_have_256_random_bits() -> None:
    keys = {generate_key() for _ in range(100)}
    assert len(keys) == 100
    # 43 characters of 6 bits hold 256 bits.
    assert all(key.startswith(PREFIX) and len(key) == len(PREFIX) + 43 and key.isascii() for key in keys)


def test_digest_is_sha256() -> None:
    # FIPS 180-4, example of one block: "abc".
    assert digest_key("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("name", ["ci", "a", "Search.box_2-b", "x" * 64])
def test_key_names_are_accepted(name: str) -> None:
    assert check_key_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".", "a b", "a\nb", "a\x1b[0m", "é", "x" * 65, "a\n"])
def test_key_names_that_a_log_cannot_show_are_refused(name: str) -> None:
    assert not NAME.fullmatch(name)
    with pytest.raises(InvalidInput, match="name"):
        check_key_name(name)
