"""Tokenizer: encoding, search by prefix, and the file that it is stored in."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HuggingFaceTokenizer

from models.errors import CheckpointDamaged, InvalidInput, InvalidText, TrainingFailed
from models.special_tokens import EOS, UNK
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenized_text import TokenizedText
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.tokenizers import CONFIGS, TEXT, texts, train


def test_tokenizer_leaves_rare_words_out() -> None:
    tokenizer = train(min_count=2, control_tokens=True)
    assert tokenizer.vocabulary == ["<unk>", "</s>", "the", ".", "cat"]
    encoding = tokenizer.encode("the dog saw the <unk> cat\n")
    assert encoding.ids.tolist() == [2, 0, 0, 2, 0, 4, 1]
    assert encoding.oov.tolist() == [False, True, True, False, False, False, False]  # a literal <unk> is known
    assert train().encode("<unk>").oov.tolist() == [True, True, True]  # typed in raw text it is text


def test_train_counts_chunks_together() -> None:
    chunks = TEXT.splitlines(keepends=True)
    assert Tokenizer.train(TokenizerConfig(), chunks).vocabulary == train().vocabulary


def test_character_tokenizer_takes_newlines_for_ordinary_characters() -> None:
    tokenizer = train("aba\n", kind="character")
    assert tokenizer.vocabulary == ["<unk>", "</s>", "a", "\n", "b"]
    encoding = tokenizer.encode("ab\nc</s>")
    assert encoding.ids.tolist() == [2, 4, 3, 0, 0, 0, 0, 0]
    assert encoding.oov.tolist() == [False, False, False, True, True, True, True, True]


def test_tokenizer_refuses_half_a_surrogate_pair() -> None:
    def together(text: str) -> None:
        train().encode_batch(["a", text])

    for call in (train().encode, train().surface_forms, train(kind="character").encode, together, train):
        with pytest.raises(InvalidText, match="character 1"):
            call("a\ud800")


@settings(deadline=None)
@given(text=st.text("abAB' <>/unks\n\u00e9\u4e2d"))
def test_surface_forms_stand_beside_their_ids(text: str) -> None:
    for tokenizer in (train("ab a A aB\n"), train("ab a A\n", lowercase=True), train("ab a A\n", kind="character")):
        encoding, surfaces = tokenizer.encode(text), tokenizer.surface_forms(text)
        assert [tokenizer.token_to_id(surface) or 0 for surface in surfaces] == encoding.ids.tolist()
        assert [tokenizer.token_to_id(surface) is None for surface in surfaces] == encoding.oov.tolist()
        pair = tokenizer.encode_batch(["b", text], add_eos=True)
        assert pair[1].ids.tolist() == [*encoding.ids.tolist(), 1]
        assert pair[1].oov.tolist() == [*encoding.oov.tolist(), False]
        assert pair.lengths.tolist() == [2, len(surfaces) + 1]
        assert len(pair) == 2


TRAINED = [
    Tokenizer.train(TokenizerConfig(**settings), ["the cat don't <unk> .\n"])
    for settings in ({}, {"lowercase": True}, {"pretokenized": True}, {"kind": "character"}, {"kind": "bpe"})
]
FRAGMENTS = ["the", "cat", "Don't", "n't", "'s", "<unk>", "</s>", "<un", *" \n\t\r'.\u00e9\u4e2d\u03a3\u2019"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join))
def test_encode_with_surfaces_is_encode_and_surface_forms(text: str) -> None:
    for tokenizer in TRAINED:
        encoding = tokenizer.encode(text)
        expected = TokenizedText(encoding.ids.tolist(), encoding.oov.tolist(), tokenizer.surface_forms(text))
        assert tokenizer.encode_with_surfaces(text) == tokenizer.encode_with_surfaces(text) == expected
        long = text + " the cat" * 200
        assert tokenizer.encode_batch([text])[0].ids.tolist() == expected.ids
        assert tokenizer.encode_batch([long])[0].ids.tolist() == tokenizer.encode(long).ids.tolist()
        together = tokenizer.encode_batch([text, "cat", text], add_eos=True)
        assert [row.ids.tolist() for row in together] == [
            [*tokenizer.encode(t).ids.tolist(), 1] for t in (text, "cat", text)
        ]


@settings(deadline=None)
@given(words=st.lists(st.text("abc\u00e9\U0010ffff", min_size=1), min_size=1), prefix=st.text("abc\u00e9\U0010ffff"))
def test_ids_with_prefix_are_those_of_the_words_that_begin_with_it(words: list[str], prefix: str) -> None:
    tokenizer = train(" ".join(words), pretokenized=True)
    expected = [i for i, token in enumerate(tokenizer.vocabulary) if i > 1 and token.startswith(prefix)]
    assert tokenizer.ids_with_prefix(prefix).tolist() == expected


def test_ids_with_prefix_folds_case_and_leaves_special_tokens_out() -> None:
    assert train("The cat", lowercase=True).ids_with_prefix("Th").tolist() == [3]
    assert train("The cat").ids_with_prefix("th").tolist() == []
    assert train().ids_with_prefix("<").tolist() == []


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lowercase": True, "min_count": 2},
        {"pretokenized": True, "max_size": 5},
        {"pretokenized": True, "lowercase": True},
        {"kind": "character"},
        {"kind": "character", "lowercase": True},
        {"kind": "character", "texts": "paragraphs"},
        {"kind": "bpe"},
        {"kind": "bpe", "control_tokens": True, "lowercase": True},
        {"rules": 1},
        {"rules": 1, "kind": "bpe", "lowercase": True},
        {"rules": 2, "normalize": ("penn_quotes", "punctuation")},
        {"control_tokens": True, "normalize": ("nfkc", "accents", "digits")},
        {"normalize": ("ccnet",)},
    ],
    ids=str,
)
def test_save_gives_the_same_tokenizer_here_and_in_hugging_face(settings: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = train(TEXT + "It\u2019s d\u00e9j\u00e0 vu\n", **settings)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["tokenizer.json"]
    loaded = Tokenizer.load(path)
    assert (loaded.config, loaded.vocabulary) == (tokenizer.config, tokenizer.vocabulary)
    plain = HuggingFaceTokenizer.from_file(str(path))
    ugly = "It's \u4e2d a D\u00c9J\u00c0 don't\n\n<unk>x\x1c--</s> <s> </S> \u201c1\u2026\u201d\n"
    for text in (TEXT, "It's \u4e2d a D\u00c9J\u00c0 don't\n\n<unk>x\x1c--</s>", ugly, ""):
        assert plain.encode(text).ids == loaded.encode(text).ids.tolist() == tokenizer.encode(text).ids.tolist()
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_from_counts_keeps_forms_that_text_would_split(tmp_path: Path) -> None:
    counts = {"o'clock": 3, "O'Clock": 1, "D. C.": 2, "rare": 1, "\u0130": 2, "</s>": 9}
    tokenizer = Tokenizer.from_counts(TokenizerConfig(lowercase=True, min_count=2, max_size=5), counts)
    assert tokenizer.vocabulary == ["<unk>", "</s>", "o'clock", "d. c.", "i"]
    tokenizer.save(tmp_path / "tokenizer.json")
    for same in (tokenizer, Tokenizer.load(tmp_path / "tokenizer.json")):
        assert [same.token_to_id(form) for form in ("o'clock", "d. c.", "rare")] == [2, 3, None]
        encoding = same.encode_forms(["O'CLOCK", "rare", "D. C.", "<unk>", "\u0130"])
        assert encoding.ids.tolist() == [2, 0, 3, 0, 4]
        assert encoding.oov.tolist() == [False, True, False, False, False]
        assert same.encode("o'clock").ids.tolist() == [0, 0]  # text is split as ever
    assert tokenizer.encode_forms([]).ids.dtype == np.int32


def test_from_counts_refuses_other_tokens() -> None:
    with pytest.raises(InvalidInput, match="kind: must be word: the tokens of a bpe tokenizer are no words"):
        Tokenizer.from_counts(TokenizerConfig(kind="bpe"), {"a": 1})
    with pytest.raises(TrainingFailed, match="no token of the training text occurs 2 times"):
        Tokenizer.from_counts(TokenizerConfig(min_count=2), {"a": 1})


DAMAGE = {
    "foreign": {"model": {"nextword": None}},
    "setting": {"model": {"nextword": {"colour": "red"}}},
    "value": {"model": {"nextword": {"min_count": 0}}},
    "contradiction": {"model": {"nextword": {"lowercase": True}}},
    "gap": {"model": {"vocab": {"the": 99}}},
    "twice": {"model": {"vocab": {"the": 3}}},
    "text": {"model": {"vocab": {"the": "2"}}},
    "specials": {"model": {"vocab": {"<unk>": 1, "</s>": 0}}},
    "surrogate": {"model": {"vocab": {"\ud800": 9}}},
    "unknown": {"model": {"unk_token": "the"}},
    "pattern": {"pre_tokenizer": {"pattern": {"Regex": "("}}},
    "added": {"added_tokens": [{"id": 2, "content": "the"}]},
}


def merged(stored: Any, change: Any) -> Any:
    """`stored` with the innermost values of `change`."""
    if not isinstance(change, dict):
        return change
    return stored | {key: merged(stored.get(key), value) for key, value in change.items()}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE.keys())
def test_load_names_a_damaged_file(change: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    train().save(path)
    path.write_text(json.dumps(merged(json.loads(path.read_text("utf-8")), change)), "utf-8")
    with pytest.raises(CheckpointDamaged, match=r"tokenizer\.json is not"):
        Tokenizer.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"model": 3}', b"\xff\xfe", b'{"model": {"vocab": []}}']
)
def test_load_names_a_file_of_something_else(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match=r"tokenizer\.json is not"):
        Tokenizer.load(path)


def test_load_names_a_missing_or_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(CheckpointDamaged, match=r"tokenizer\.json is not"):
        Tokenizer.load(path)
    train().save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointDamaged, match=r"tokenizer\.json is not"):
        Tokenizer.load(path)


def test_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tokenizer.json"
    train().save(path)
    before = path.read_bytes()

    def full(path: Path, *_: object, **__: object) -> None:
        path.touch()
        raise OSError("full")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="full"):
        train("other words").save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["tokenizer.json"]


@pytest.mark.parametrize(
    ("config", "forms"),
    [
        (TokenizerConfig(rules=1), "a < EOS > </s> < s > <unk> </s>"),
        (TokenizerConfig(rules=1, lowercase=True), "a < eos > </s> < s > <unk> </s>"),
        (TokenizerConfig(rules=1, pretokenized=True), "a <EOS> </s> <s> <unk> </s>"),
        (TokenizerConfig(kind="character"), " ".join("a <EOS> </s> <s> <unk>\n".replace(" ", "_"))),
    ],
)
def test_tokenizer_of_the_first_edition_reads_typed_markers(config: TokenizerConfig, forms: str) -> None:
    # </s> and <unk> are those of the vocabulary, but to characters; <EOS> and <s> are text like any other
    tokenizer = Tokenizer.train(config, ["a <EOS> <s>\n"])
    text = "a <EOS> </s> <s> <unk>\n"
    assert tokenizer.surface_forms(text) == [form.replace("_", " ") for form in forms.split(" ")]
    ids = tokenizer.encode(text).ids.tolist()
    assert ids.count(EOS) == (0 if config.kind == "character" else 2)
    if config.kind == "word":
        assert ids[-2:] == [UNK, EOS]


@pytest.mark.parametrize("settings", [{}, {"lowercase": True}, {"kind": "character"}, {"kind": "bpe"}], ids=str)
def test_tokenizer_reads_typed_markers_as_text(settings: dict[str, Any]) -> None:
    text = "I <s>never</s> said <unk>.\n"
    tokenizer = Tokenizer.train(TokenizerConfig(**settings), [text])
    encoding = tokenizer.encode(text)
    assert UNK not in encoding.ids.tolist()
    assert encoding.ids.tolist().count(EOS) == (0 if settings.get("kind") == "character" else 1)
    if "lowercase" not in settings:
        assert tokenizer.decode(encoding.ids.tolist()).replace(" ", "") == text.replace(" ", "")


def test_pretokenized_tokenizer_knows_the_unknown_word_and_guards_the_boundary() -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(pretokenized=True), ["<s> a <unk> </s>\n"])
    assert tokenizer.vocabulary == ["<unk>", "</s>", "a"]
    encoding = tokenizer.encode("<s> a <unk> </s>\n")
    assert encoding.ids.tolist() == [UNK, 2, UNK, UNK, EOS]
    assert encoding.oov.tolist() == [True, False, False, True, False]


@pytest.mark.parametrize("settings", [{}, {"pretokenized": True}, {"kind": "bpe"}], ids=str)
def test_tokenizer_reads_control_tokens_if_told(settings: dict[str, Any]) -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(**settings, control_tokens=True), ["a b\n" * 5])
    expected = tokenizer.encode("a").ids.tolist()
    assert tokenizer.encode("<s>a</s><unk>\n").ids.tolist()[:-2] == [EOS, *expected, EOS]
    assert tokenizer.encode("<s>a</s><unk>\n").ids.tolist()[-2:] == [UNK, EOS]


def test_tokenizer_file_without_an_edition_has_the_first(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    train(rules=1).save(path)
    stored = json.loads(path.read_text("utf-8"))
    for setting in ("rules", "normalize", "control_tokens", "closed", "texts"):
        del stored["model"]["nextword"][setting]
    path.write_text(json.dumps(stored), "utf-8")
    loaded = Tokenizer.load(path)
    assert loaded.config.rules == 1
    assert loaded.encode("the </s> <unk>").ids.tolist() == [2, EOS, UNK]


def test_bpe_tokenizer_of_the_first_edition_reads_typed_markers() -> None:
    tokenizer = Tokenizer.train(TokenizerConfig(kind="bpe", rules=1), ["a <EOS> <s>\n"])
    assert tokenizer.encode("a</s><unk>").ids.tolist()[1:] == [EOS, UNK]
    assert EOS not in tokenizer.encode("a <EOS> <s>").ids


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"kind": "character", "texts": "pages"}, "one of whole, paragraphs, lines"), ({"texts": "lines"}, "every line")],
)
def test_tokenizer_config_names_texts_that_there_are_not(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        TokenizerConfig(**settings)
    assert caught.value.field == "texts"


@pytest.mark.parametrize(
    "config", [*CONFIGS, TokenizerConfig("character"), TokenizerConfig("character", texts="lines")]
)
@settings(deadline=None)
@given(text=texts)
def test_unknown_forms_are_the_surface_forms_of_unknown_tokens(config: TokenizerConfig, text: str) -> None:
    tokenizer = Tokenizer(config, ["<unk>", "</s>", "a", "n"])
    encoding, forms = tokenizer.encode(text), tokenizer.surface_forms(text)
    assert tokenizer.unknown_forms(text, encoding) == [forms[i] for i in encoding.oov.nonzero()[0]]
