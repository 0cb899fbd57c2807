"""The order of a file's tokens inside, and the choice of the boundary."""

import pytest

from models.errors import InvalidInput
from models.tokenization.foreign.file_vocabulary import MAX_FILE_ID, FileVocabulary, choose_boundary

TOKENS = {0: "<pad>", 1: "a", 3: "</s>", 7: "<unk>"}  # ids may have gaps


def test_file_vocabulary_puts_unknown_and_boundary_first() -> None:
    file = FileVocabulary.arrange(TOKENS, "<unk>", "</s>")
    assert file.tokens == ["<unk>", "</s>", "<pad>", "a"]
    assert file.public_ids.tolist() == [7, 3, 0, 1]
    # by the file's ids: text writes neither the unknown token nor the boundary, and 2, 4, 5 and 6 are no tokens
    assert file.internal_ids.tolist() == [2, 3, -1, -1, -1, -1, -1, -1, 1]


def test_file_vocabulary_adds_what_a_file_lacks_behind_its_last_token() -> None:
    file = FileVocabulary.arrange({0: "a", 1: "</s>"}, None, None)
    assert file.tokens == ["<unk>", "<</s>>", "a", "</s>"]  # a token of the file that is no end keeps its name
    assert file.public_ids.tolist() == [2, 3, 0, 1]
    assert FileVocabulary.arrange({0: "a", 1: "</s>"}, None, "</s>").public_ids.tolist() == [2, 1, 0]
    assert FileVocabulary.arrange({0: "a", 1: "<unk>"}, "<unk>", None).public_ids.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ({}, "must hold tokens"),
        ({-1: "a"}, "must number its tokens from 0"),
        ({MAX_FILE_ID + 1: "a"}, "must number its tokens from 0"),
        ({0: "a", 1: "a"}, "has a token twice"),
    ],
)
def test_file_vocabulary_refuses_ids_that_cannot_be(tokens: dict[int, str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        FileVocabulary.of_file(tokens, [], None, None)


RESERVED = [f"<|reserved_special_token_{i}|>" for i in range(200)]


@pytest.mark.parametrize(
    ("tokens", "special", "boundary"),
    [
        (["a", "<|endoftext|>"], ["<|endoftext|>"], "<|endoftext|>"),
        (["a", "</s>", "<unk>", "<pad>"], ["<unk>", "<pad>", "</s>"], "</s>"),  # neither unknown text nor padding
        (["a", "</s>", "<s"], [], "</s>"),  # marked by nothing but its name
        (["a", "b"], [], None),
        (["a", "<pad>"], ["<pad>"], None),
        (["a", "<|end_of_text|>", *RESERVED], ["<|end_of_text|>", *RESERVED], "<|end_of_text|>"),
        (["a", "<custom>"], ["<custom>"], "<custom>"),
    ],
)
def test_choose_boundary_takes_the_only_candidate(tokens: list[str], special: list[str], boundary: str | None) -> None:
    assert choose_boundary(tokens, special, "<unk>", None) == boundary


def test_choose_boundary_lists_several_candidates() -> None:
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", *RESERVED]
    with pytest.raises(
        InvalidInput, match=r"several; candidates are <\|begin_of_text\|>, <\|end_of_text\|>, <\|eot_id\|>$"
    ):
        choose_boundary(special, special, None, None)
    assert choose_boundary(special, special, None, "<|eot_id|>") == "<|eot_id|>"
    many = [f"<end{i}>" for i in range(30)]
    with pytest.raises(InvalidInput, match=r"<end11> and others$"):
        choose_boundary(many, many, None, None)
    with pytest.raises(InvalidInput, match="not '<unk>'"):
        choose_boundary(["<unk>", "a"], [], "<unk>", "<unk>")
