"""Export of models over HTTP: each format, what is refused, and unnormalized models."""

import io
import math
from collections.abc import Iterator

import httpx
import numpy as np
import onnxruntime
import pytest

from app.schemas.models import ModelDetail, ModelList
from app.schemas.next import NextAnswer
from app.schemas.perplexity import PerplexityAnswer
from app.schemas.probability import ProbabilityAnswer
from app.schemas.trades.rescore import RescoreAnswer
from models.checkpoint.load import Checkpoint
from models.ngram.config import NgramConfig
from models.ngram.formats.arpa import read_arpa, write_arpa
from models.ngram.kenlm_model import KenlmModel
from models.ngram.model import NgramModel
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.serving import CHARACTERS, ngram, publish, serving, wait_for
from tests.helpers.texts import KENLM_PROBING, unpacked

SPOILED = """\\data\\
ngram 1=4
ngram 2=1

\\1-grams:
-99\t<s>
-0.6020600\t</s>
-0.3010300\ta\t0.4771213
-0.6020600\t<unk>

\\2-grams:
0\ta </s>

\\end\\
"""
"""After "a" the probabilities sum to 1 + 3 (1 - 0.25) = 3.25."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    root = tmp_path_factory.mktemp("export") / "checkpoints"
    publish(root, "bigram", ngram(order=2))
    publish(root, "letters", ngram(CHARACTERS), CHARACTERS)
    fox = KenlmModel(unpacked(KENLM_PROBING, root.parent / "fox.bin"))
    publish(root, "fox", fox, Tokenizer(TokenizerConfig(pretokenized=True), fox.vocabulary))
    table, vocabulary = read_arpa(io.StringIO(SPOILED))
    spoiled = NgramModel(NgramConfig(2, "backoff"), table)
    publish(root, "spoiled", spoiled, Tokenizer(TokenizerConfig(pretokenized=True), vocabulary))
    with serving(root) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        wait_for(lambda: len(client.get("/v1/models").json()["data"]) == 4)
        yield client


def test_export_model_streams_the_text_that_the_command_writes(
    client: httpx.Client, local: dict[str, Checkpoint]
) -> None:
    answer = client.get("/v1/models/words/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="words@1.arpa"'
    model, file = local["words"].model, io.StringIO()
    assert isinstance(model, NgramModel)
    write_arpa(model.table, local["words"].tokenizer.vocabulary, file)
    assert answer.text == file.getvalue()


def test_export_model_writes_words_automata_and_symbols(own: httpx.Client) -> None:
    words = own.get("/v1/models/bigram/export", params={"format": "unigrams"}).text.splitlines()
    symbols = own.get("/v1/models/bigram/export", params={"format": "symbols"}).text.splitlines()
    automaton = own.get("/v1/models/bigram/export", params={"format": "openfst"}).text.splitlines()
    size = own.get("/v1/models/bigram").json()["vocabulary_size"]
    assert len(words) == size - 2
    assert [line.split("\t")[0] for line in symbols] == ["<eps>", "</s>", *words, "#0", "<unk>"]
    assert automaton[0].split("\t")[:4] == ["1", str(size), str(size), "0"]


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_export_model_writes_recurrent_models_as_onnx(
    client: httpx.Client, local: dict[str, Checkpoint], name: str
) -> None:
    answer = client.get(f"/v1/models/{name}/export", params={"format": "onnx"})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}@1.onnx"'
    session = onnxruntime.InferenceSession(answer.content)
    state = np.zeros((2, 1, 16), np.float32)
    ids = local[name].tokenizer.encode("the cat saw").ids
    logprobs = session.run(None, {"x": np.array([[1, *ids.tolist()]]), "h0": state, "c0": state})[0]
    told = client.post(f"/v1/models/{name}/next", json={"context": "the cat saw", "top_k": 5}).json()["next"]
    # The service computes in bytes, the file in float32.
    assert [logprobs[0, token["id"]] for token in told] == pytest.approx([t["logprob"] for t in told], abs=0.2)


@pytest.mark.parametrize(
    ("model", "export_format", "status", "message"),
    [
        ("lstm", "arpa", 400, "n-gram models"),
        ("words", "onnx", 400, "recurrent models"),
        ("words", "openfst", 400, "order 3"),
        ("words", "html", 400, "format: must be 'arpa', 'unigrams', 'openfst', 'symbols' or 'onnx'"),
        ("none", "arpa", 404, "none"),
    ],
)
def test_export_model_refuses_before_the_first_byte(
    client: httpx.Client, model: str, export_format: str, status: int, message: str
) -> None:
    answer = client.get(f"/v1/models/{model}/export", params={"format": export_format})
    assert answer.status_code in (status, 400)
    assert message in answer.text


def test_export_model_refuses_tokens_that_the_format_cannot_hold(own: httpx.Client) -> None:
    answer = own.get("/v1/models/letters/export")
    assert answer.status_code == 400
    assert "cannot be written in ARPA" in answer.json()["error"]["message"]


def test_export_model_gives_its_place_back_when_the_client_hangs_up(own: httpx.Client) -> None:
    with own.stream("GET", "/v1/models/bigram/export") as answer:
        next(answer.iter_bytes(10))
    wait_for(lambda: "nextword_quick_places 0.0" in own.get("/metrics").text)


def test_answers_tell_that_a_model_is_not_normalized(own: httpx.Client) -> None:
    for path, body, schema in (
        ("next", {"context": "a"}, NextAnswer),
        ("probability", {"text": "a a"}, ProbabilityAnswer),
        ("perplexity", {"text": "a a"}, PerplexityAnswer),
        ("rescore", {"hypotheses": [{"text": "a", "score": 0}]}, RescoreAnswer),
    ):
        answer = own.post(f"/v1/models/spoiled/{path}", json=body).json()
        schema.model_validate(answer)
        assert answer["normalized"] is False
        assert "normalized" not in own.post(f"/v1/models/bigram/{path}", json=body).json()
    records, headers = '{"text": "a a", "normalized": "mine"}\n', {"content-type": "application/x-ndjson"}
    record = own.post("/v1/models/spoiled/perplexity", content=records, headers=headers).json()
    assert (record["normalized"], record["record"]) == (False, {"normalized": "mine"})
    models = own.get("/v1/models").json()
    ModelList.model_validate(models)
    assert {model["name"]: model["normalized"] for model in models["data"]} == {
        "bigram": True,
        "fox": True,
        "letters": True,
        "spoiled": False,
    }
    ModelDetail.model_validate(own.get("/v1/models/spoiled").json())


def test_model_of_a_kenlm_binary_scores_and_refuses_the_rest_with_the_reason(own: httpx.Client) -> None:
    expected = math.log(0.5 * 0.6 * 0.5 * 0.7)
    answer = own.post("/v1/models/fox/probability", json={"text": "red fox runs"}).json()
    assert answer["total"]["logprob"] == pytest.approx(expected, abs=1e-4)
    answer = own.post("/v1/models/fox/perplexity", json={"text": "red fox runs\n" * 3}).json()
    assert answer["perplexity"] == pytest.approx(math.exp(-expected / 4), abs=1e-3)
    hypotheses = [{"text": text, "score": 0} for text in ("fox red red", "red fox runs")]
    answer = own.post("/v1/models/fox/rescore", json={"hypotheses": hypotheses}).json()
    assert [result["index"] for result in answer["results"]] == [1, 0]
    for route, body in (
        ("next", {"context": "red"}),
        ("generate", {"prompt": "red"}),
        ("fill", {"text": "red ___ runs"}),
    ):
        answer = own.post(f"/v1/models/fox/{route}", json=body).json()["error"]
        assert answer["code"] == "unsupported_by_model", answer
        assert "perplexity, probability, rescore" in answer["message"]
    answer = own.post("/v1/models/fox/probability", json={"text": "red", "tokens": True, "top_logprobs": 2}).json()
    assert answer["error"]["code"] == "unsupported_by_model", answer
    answer = own.post("/v1/models/fox/probability", json={"text": "red fox", "tokens": True}).json()
    assert [token["matched_order"] for token in answer["results"][0]["tokens"]] == [2, 2, 2]
