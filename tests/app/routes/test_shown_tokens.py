"""Tokens in answers: readable text, ids of files, bytes of half characters, typed text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.schemas.generate import GenerateAnswer
from app.schemas.models import Vocabulary
from app.schemas.next import NextAnswer, NextBatch
from app.schemas.probability import ProbabilityAnswer
from models.checkpoint.load import load
from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.tasks.fill_in.model import RecurrentFillIn
from models.tokenization.config import TokenizerConfig, TokenKind
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.serving import ngram, publish, publish_with_counts, recurrent, serving, task_model
from tests.helpers.tokenizers import TEXT, hugging_face_file, sentence_piece_file

MAKE = {"gpt2": hugging_face_file, "bert": hugging_face_file, "unigram": sentence_piece_file}
PARTS = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=300), [TEXT])
WORD_TEXT = "I don't know, I'll do well. A well-known, well-kept Mr. Smith knows.\n" * 2
WORDS = Tokenizer.train(TokenizerConfig(), [WORD_TEXT])
ZHE = "\u0436"  # two bytes, of which the tokens know neither


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    root = tmp_path_factory.mktemp("shown") / "models"
    publish(root, "parts", ngram(PARTS), PARTS)
    publish(root, "lstm", recurrent(tokenizer=PARTS), PARTS)
    config = NgramConfig(order=3)
    table = estimate_from_tokens(config, WORDS.encode(WORD_TEXT).ids, WORDS.vocabulary_size)
    publish(root, "words", NgramModel(config, table), WORDS)
    with serving(root) as own, httpx.Client(base_url=f"{own.url}/v1/models", timeout=60) as connected:
        yield connected


def ask(client: httpx.Client, route: str, **body: object) -> Any:
    answer = client.post(route, json=body)
    assert answer.status_code == 200, answer.text
    assert "\\u0120" not in json.dumps(answer.json())  # the byte alphabet's blank
    return answer.json()


def shown(content: dict[str, Any]) -> list[str]:
    return [entry["text"] for entry in content["next"]]


@pytest.mark.parametrize("model", ["parts", "lstm"])
def test_next_shows_parts_of_words_as_text(client: httpx.Client, model: str) -> None:
    content = ask(client, f"/{model}/next", context=f"the {ZHE}", top_k=0, explain=True)
    NextAnswer.model_validate(content)
    assert [entry["token"] for entry in content["context"]] == ["the", " ", "\ufffd", "\ufffd"]
    assert [entry.get("bytes") for entry in content["context"]] == [None, None, [0xD0], [0xB6]]
    assert " the" in [entry["token"] for entry in content["next"]]
    lone = [entry for entry in content["next"] if entry["token"] == "\ufffd"]
    assert all(len(entry["bytes"]) for entry in lone)
    assert len(lone) == 128


@pytest.mark.parametrize("model", ["parts", "lstm"])
def test_probability_and_generate_show_parts_of_words_as_text(client: httpx.Client, model: str) -> None:
    scored = ask(client, f"/{model}/probability", text="the cat", tokens=True)
    ProbabilityAnswer.model_validate(scored)
    texts = [token["token"] for token in scored["results"][0]["tokens"]]
    assert "".join(texts) == "the cat</s>"
    written = ask(client, f"/{model}/generate", prompt="the", max_tokens=8, seed=3, ignore_end=True, top_logprobs=2)
    GenerateAnswer.model_validate(written)
    choice = written["choices"][0]
    if not any("bytes" in token for token in choice["tokens"]):
        assert "".join(token["token"] for token in choice["tokens"]) == choice["text"]


def test_vocabulary_shows_parts_of_words_as_text(client: httpx.Client) -> None:
    listed = client.get("/parts/vocabulary", params={"limit": 300}).json()
    Vocabulary.model_validate(listed)
    assert "\ufffd" in [entry["token"] for entry in listed["data"] if "bytes" in entry]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("don'", ["don't"]),
        ("I'l", ["I'll"]),
        ("Mr.", ["Mr."]),
        ("well-kn", ["well-know", "well-known", "well-knows"]),
        ("kn", ["know", "known", "knows"]),
    ],
)
def test_next_continues_what_was_typed_over_tokens(client: httpx.Client, prefix: str, expected: list[str]) -> None:
    content = ask(client, "/words/next", context="", prefix=prefix, top_k=0)
    NextAnswer.model_validate(content)
    assert sorted(shown(content)) == expected
    assert content["typed"] == prefix
    assert content["mass"] == pytest.approx(sum(entry["probability"] for entry in content["next"]))
    for entry in content["next"]:  # the probability of the whole sequence
        assert "".join(part["token"] for part in [*entry.get("before", []), entry]) == entry["text"]
        scored = ask(client, "/words/probability", text=entry["text"], eos=False)
        assert entry["probability"] == pytest.approx(scored["results"][0]["probability"])


def test_next_tells_the_mass_of_all_that_continues_what_was_typed(client: httpx.Client) -> None:
    whole, best = (ask(client, "/words/next", context="A", prefix="well-k", top_k=k) for k in (0, 1))
    assert best["next"] == whole["next"][:1]
    assert best["mass"] == pytest.approx(sum(entry["probability"] for entry in whole["next"]))


@pytest.mark.parametrize("model", ["parts", "lstm"])
def test_next_heals_the_end_of_the_context(client: httpx.Client, model: str) -> None:
    healed = ask(client, f"/{model}/next", context="the c", heal=True, top_k=0)
    assert (healed["typed"], [token["token"] for token in healed["context"]]) == (" c", ["the"])
    assert all(text.startswith(" c") for text in shown(healed))
    typed = ask(client, f"/{model}/next", context="the", prefix=" c", top_k=0)
    assert shown(typed) == shown(healed)
    assert ask(client, f"/{model}/next", context="the ")["typed"] == " "
    assert "typed" not in ask(client, f"/{model}/next", context="the ", heal=False)
    batch = ask(client, f"/{model}/next", context=["the ", "the", "the c"], prefix="a", top_k=3)
    NextBatch.model_validate(batch)
    assert [result["typed"] for result in batch["results"]] == [" a", "thea", " ca"]


def test_next_ignores_letter_case(client: httpx.Client) -> None:
    assert "Mr." in shown(ask(client, "/words/next", prefix="mr.", ignore_case=True, top_k=0))
    (only,) = ask(client, "/words/next", prefix="mr.", top_k=0)["next"]  # a word that the vocabulary lacks
    assert (only["text"], [token["token"] for token in only["before"]]) == ("mr.", ["<unk>"])


def test_pseudo_logprob_shows_tokens(tmp_path: Path) -> None:
    publish(tmp_path / "models", "filler", task_model(RecurrentFillIn, {"fill_in": {}}, PARTS), PARTS)
    with serving(tmp_path / "models") as own, httpx.Client(base_url=f"{own.url}/v1/models", timeout=60) as client:
        scored = ask(client, "/filler/pseudo_logprob", text="the cat", tokens=True)
        assert "".join(token["token"] for token in scored["results"][0]["tokens"]) == "the cat"


@pytest.mark.parametrize("model", ["parts", "lstm", "words"])
def test_probability_tells_the_most_probable_tokens(client: httpx.Client, model: str) -> None:
    text = "I know, well" if model == "words" else "the cat"
    scored = ask(client, f"/{model}/probability", text=[text, "the"], top_logprobs=3)
    ProbabilityAnswer.model_validate(scored)
    plain = ask(client, f"/{model}/probability", text=text, tokens=True)["results"][0]
    assert scored["results"][0]["logprob"] == pytest.approx(plain["logprob"], abs=1e-4)
    before = ""
    for token, expected in zip(scored["results"][0]["tokens"], plain["tokens"], strict=True):
        assert token["logprob"] == pytest.approx(expected["logprob"], abs=1e-5)
        best = token["top_logprobs"]
        assert len(best) == 3
        if token["rank"] <= 3:
            assert best[token["rank"] - 1]["logprob"] == token["logprob"]
        assert best == sorted(best, key=lambda entry: (-entry["logprob"], entry["id"]))
        if not before:
            following = ask(client, f"/{model}/next", context="", top_k=3, special=True)["next"]
            assert [entry["id"] for entry in best] == [entry["id"] for entry in following]
        before += token["token"]


def test_probability_tells_the_matched_order_of_ngram_models_alone(client: httpx.Client) -> None:
    tokens = ask(client, "/words/probability", text="I don't know Smith", tokens=True)["results"][0]["tokens"]
    assert [token["matched_order"] for token in tokens][:4] == [2, 3, 3, 3]  # I, do, n't, know of a trigram model
    lstm = ask(client, "/lstm/probability", text="the cat", tokens=True)["results"][0]["tokens"]
    assert "matched_order" not in lstm[0]


def test_probability_refuses_more_alternatives_than_an_answer_may_have(client: httpx.Client) -> None:
    answer = client.post("/parts/probability", json={"text": "the cat " * 9000, "top_logprobs": 100_000})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "top_logprobs")


@pytest.mark.parametrize(("kind", "boundary"), [("gpt2", None), ("bert", "[SEP]"), ("unigram", "</s>")])
def test_ids_at_every_route_are_those_of_the_tokenizer_file(tmp_path: Path, kind: str, boundary: str | None) -> None:
    path = MAKE[kind](tmp_path / "file", kind)
    tokenizer = Tokenizer.train(TokenizerConfig(kind="file", file=str(path), boundary=boundary), ())
    assert tokenizer.public_ids is not None
    publish(tmp_path / "models", "own", ngram(tokenizer), tokenizer)
    text = "the cat sat"
    expected = tokenizer.public_ids[tokenizer.encode(text).ids].tolist()
    with serving(tmp_path / "models") as own, httpx.Client(base_url=f"{own.url}/v1/models", timeout=60) as client:
        content = ask(client, "/own/next", context=text, top_k=0, heal=False)
        assert [token["id"] for token in content["context"]] == expected
        assert sorted(entry["id"] for entry in content["next"]) == sorted(tokenizer.public_ids.tolist())
        scored = ask(client, "/own/probability", text=text, eos=False, top_logprobs=2)["results"][0]["tokens"]
        assert [token["id"] for token in scored] == expected
        (choice,) = ask(client, "/own/generate", prompt=text, max_tokens=4, temperature=0, top_logprobs=1)["choices"]
        for token in choice["tokens"]:
            assert token["id"] == token["top_logprobs"][0]["id"]
        listed = client.get("/own/vocabulary", params={"limit": 10_000}).json()["data"]
        assert [entry["id"] for entry in listed] == sorted(tokenizer.public_ids.tolist())
        by_id = {entry["id"]: entry["token"] for entry in listed}
        assert [by_id[entry["id"]] for entry in content["next"]] == [entry["token"] for entry in content["next"]]
        after = client.get("/own/vocabulary", params={"limit": 5, "after": listed[6]["id"]}).json()["data"]
        assert after == listed[7:12]


@pytest.mark.parametrize("kind", ["bpe", "word"])
def test_counts_show_and_take_tokens_as_text(tmp_path: Path, kind: TokenKind) -> None:
    settings = TokenizerConfig(kind=kind, max_size=300 if kind == "bpe" else None)
    ref = publish_with_counts(tmp_path / "models", "counted", NgramConfig(order=3), TEXT, settings)
    tokenizer = load(ref.path).tokenizer
    shown_tokens = tokenizer.names.of_text(*tokenizer.encode_with_surfaces("the cat"))
    with serving(tmp_path / "models") as own, httpx.Client(base_url=f"{own.url}/v1/models", timeout=60) as client:
        by_text = ask(client, "/counted/counts", text="the cat")["results"]
        by_tokens = ask(client, "/counted/counts", tokens=list(shown_tokens))["results"]
        assert by_text == by_tokens
        assert by_text[0]["counts"][0]["ngram"] == list(shown_tokens)[-3:]
        assert not by_text[0]["tokens"][-1]["oov"]
