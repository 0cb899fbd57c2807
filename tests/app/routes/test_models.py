"""Lists and descriptions of models, their vocabularies, and health checks."""

from pathlib import Path

import httpx
import pytest

from app.schemas.models import Live, ModelDetail, ModelList, Ready, Vocabulary
from models.checkpoint.load import Checkpoint
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from tests.helpers.serving import TEXT, classifier, ngram, publish, serving, tagger


def test_list_models_names_every_version(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    content = client.get("/v1/models").json()
    ModelList.model_validate(content)
    assert [model["id"] for model in content["data"]] == [f"{name}@1" for name in sorted(local)]
    assert (content["object"], content["has_more"], content["loading"], content["problems"]) == ("list", False, [], [])
    assert all(model["newest"] for model in content["data"])


@pytest.mark.parametrize("model_id", ["lstm", "lstm@1", "lstm%401"])
def test_describe_model_returns_its_card(client: httpx.Client, local: dict[str, Checkpoint], model_id: str) -> None:
    content = client.get(f"/v1/models/{model_id}").json()
    ModelDetail.model_validate(content)
    card = local["lstm"].card
    assert content["id"] == "lstm@1"
    assert content["metrics"] == {"perplexity": {"lines": 12.5}}
    assert content["card"]["files"]["weights.safetensors"]["sha256"] == card.files["weights.safetensors"].sha256
    assert content["bytes"] == sum(f.stat().st_size for f in local["lstm"].path.iterdir() if f.name != "card.json")
    assert (content["kind"], content["parameters"]) == ("lstm", local["lstm"].model.parameter_count)
    assert content["precision"] == "int8"
    assert client.get("/v1/models/words").json()["precision"] == "float32"


@pytest.mark.parametrize("model_id", ["nothing", "lstm@2", "lstm@", "lstm@one", "@1", "LSTM", "..%2Fetc"])
def test_describe_model_lists_known_models_for_an_unknown_one(client: httpx.Client, model_id: str) -> None:
    answer = client.get(f"/v1/models/{model_id}")
    assert answer.status_code == 404
    if "%2F" not in model_id:
        assert answer.json()["error"]["code"] == "model_not_found"
        assert "counts@1, gru@1, letters@1, lstm@1, words@1" in answer.json()["error"]["message"]


def test_list_vocabulary_returns_pages(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    tokens, after = [], -1
    while True:
        page = client.get("/v1/models/words/vocabulary", params={"after": after, "limit": 7}).json()
        Vocabulary.model_validate(page)
        tokens += page["data"]
        if not page["has_more"]:
            break
        after = page["data"][-1]["id"]
    assert [entry["token"] for entry in tokens] == local["words"].tokenizer.vocabulary
    assert [entry["id"] for entry in tokens] == list(range(local["words"].tokenizer.vocabulary_size))
    assert [entry["token"] for entry in tokens if entry["special"]] == ["<unk>", "</s>"]
    assert page["total"] == local["words"].tokenizer.vocabulary_size


def test_list_vocabulary_filters_by_prefix(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    content = client.get("/v1/models/words/vocabulary", params={"prefix": "fr"}).json()
    assert [entry["token"] for entry in content["data"]] == ["friend"]
    marked = client.get("/v1/models/words/vocabulary", params={"prefix": "\ufefffr"}).json()
    assert marked["data"] == content["data"]
    assert client.get("/v1/models/words/vocabulary", params={"prefix": "<"}).json()["data"] == []
    assert client.get("/v1/models/words/vocabulary", params={"prefix": "s", "limit": 1}).json()["has_more"]


@pytest.mark.parametrize(
    ("params", "param"), [({"limit": 0}, "limit"), ({"after": "x"}, "after"), ({"page": 2}, "page")]
)
def test_list_vocabulary_refuses_an_impossible_page(
    client: httpx.Client, params: dict[str, object], param: str
) -> None:
    answer = client.get("/v1/models/words/vocabulary", params=params)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_health_routes_report_liveness_and_readiness(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    live, ready = client.get("/health/live"), client.get("/health/ready")
    Live.model_validate(live.json())
    Ready.model_validate(ready.json())
    assert ready.json()["models"] == [f"{name}@1" for name in sorted(local)]
    assert ready.json()["status"] == "ready"


def test_models_with_bpe_tokens_are_served_like_any_other(tmp_path: Path) -> None:
    parts = Tokenizer.train(TokenizerConfig(kind="bpe", max_size=300), [TEXT])
    publish(tmp_path / "models", "parts", ngram(parts), parts)
    with serving(tmp_path / "models") as own, httpx.Client(base_url=f"{own.url}/v1/models", timeout=60) as client:
        assert client.get("/parts").json()["unit"] == "bpe"
        listed = client.get("/parts/vocabulary", params={"prefix": " th"}).json()["data"]
        assert " the" in [entry["token"] for entry in listed]
        content = client.post("/parts/perplexity", json={"text": "Zo\u00eb saw the cat .\n"}).json()
        assert (content["unit"], content["oov_count"]) == ("lines", 0)
        assert (content["word_count"], content["line_count"]) == (5, 1)
        written = client.post("/parts/generate", json={"prompt": "the cat", "max_tokens": 20, "seed": 1}).json()
        assert written["choices"][0]["text"].startswith(" ")
        assert "\u0120" not in written["choices"][0]["text"]


def test_list_models_returns_pages(client: httpx.Client, local: dict[str, Checkpoint]) -> None:
    names, after = [], ""
    while True:
        page = client.get("/v1/models", params={"limit": 2, "after": after}).json()
        ModelList.model_validate(page)
        names += [model["id"] for model in page["data"]]
        if not page["has_more"]:
            break
        assert len(page["data"]) == 2
        after = names[-1]
    assert names == [f"{name}@1" for name in sorted(local)]
    between = client.get("/v1/models", params={"limit": 1, "after": "letters@0999"})
    assert (between.status_code, between.json()["error"]["param"]) == (400, "model")
    gone = client.get("/v1/models", params={"after": "letters@7"}).json()
    assert [model["id"] for model in gone["data"]] == ["lstm@1", "words@1"]


@pytest.mark.parametrize(("make", "names"), [(classifier, ["bad", "good", "other"]), (tagger, None)])
def test_describe_model_tells_labels_of_a_model_that_is_not_loaded(tmp_path: Path, make, names) -> None:
    model = make()
    publish(tmp_path / "models", "labelled", model)
    with serving(tmp_path / "models", preload_models=0) as server:
        answer = httpx.get(f"{server.url}/v1/models/labelled", timeout=60).json()
        assert answer["loaded"] is False
        assert answer["labels"] == (names or list(model.tags))
        assert answer["prefix_cache"] is None
