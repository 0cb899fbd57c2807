"""The list of models says what each can be asked, and with which labels it answers."""

import httpx

from app.schemas.models import ModelDetail, ModelList
from models.checkpoint.load import Checkpoint
from models.model import CAPABILITIES

ROUTES = {
    "next": {"context": "the"},
    "probability": {"text": "the"},
    "perplexity": {"text": "the"},
    "rescore": {"hypotheses": [{"text": "the"}]},
    "generate": {"prompt": "the", "max_tokens": 1},
    "fill": {"text": "the ___"},
    "classify": {"text": "the"},
    "tag": {"text": "the"},
    "answer": {"context": "the dog", "question": "the"},
}
"""A body for each capability but `embed`, which has its own path, and `counts`, which few n-gram models have."""


def test_models_can_do_what_their_capabilities_say_and_nothing_else(
    tasks: httpx.Client, local: dict[str, Checkpoint]
) -> None:
    content = tasks.get("/v1/models").json()
    ModelList.model_validate(content)
    assert {model["name"] for model in content["data"]} == local.keys()
    assert ROUTES.keys() | {"embed", "counts"} == set(CAPABILITIES)
    for model in content["data"]:
        assert model["capabilities"] == sorted(local[model["name"]].model.capabilities)
        answers = {name: tasks.post(f"/v1/models/{model['id']}/{name}", json=body) for name, body in ROUTES.items()}
        answers["embed"] = tasks.post("/v1/embeddings", json={"model": model["id"], "input": "the"})
        for name, answer in answers.items():
            assert answer.status_code == (200 if name in model["capabilities"] else 400), (model["id"], name)
            if answer.status_code == 400:
                assert answer.json()["error"]["code"] == "unsupported_by_model"
                able = (
                    f"its capabilities are {', '.join(model['capabilities'])}"
                    if model["capabilities"]
                    else "learned from reversed text"
                )
                assert able in answer.json()["error"]["message"]


def test_models_of_reversed_text_refuse_whatever_reads_from_left_to_right(tasks: httpx.Client) -> None:
    """Answers in pieces are refused as well, and counts, which would be of reversed n-grams."""
    lines = {"content-type": "application/x-ndjson"}, {"content-type": "text/plain"}
    answers = [
        tasks.post("/v1/models/mirrored/counts", json={"text": "the old"}),
        tasks.post("/v1/models/mirrored/generate", json={"prompt": "the", "stream": True}),
        tasks.post("/v1/models/mirrored/pseudo_logprob", json={"text": "the old"}),
        *(tasks.post("/v1/models/mirrored/perplexity", content=b'{"text": "the"}\n', headers=kind) for kind in lines),
    ]
    for answer in answers:
        error = answer.json()["error"]
        assert (answer.status_code, error["param"], error["code"]) == (400, "model", "unsupported_by_model")
        assert "learned from reversed text" in error["message"]
    assert tasks.get("/v1/models/mirrored").json()["capabilities"] == []


def test_describe_model_tells_labels_and_tags(tasks: httpx.Client) -> None:
    details = {name: tasks.get(f"/v1/models/{name}").json() for name in ("sentiment", "animals", "words")}
    for detail in details.values():
        ModelDetail.model_validate(detail)
    assert details["sentiment"]["labels"] == ["bad", "good", "other"]
    assert details["animals"]["labels"] == ["B-ANIMAL", "I-ANIMAL", "O"]
    assert details["words"]["labels"] is None
