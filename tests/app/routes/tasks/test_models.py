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
                assert f"it can {', '.join(model['capabilities'])}" in answer.json()["error"]["message"]


def test_describe_model_tells_labels_and_tags(tasks: httpx.Client) -> None:
    details = {name: tasks.get(f"/v1/models/{name}").json() for name in ("sentiment", "animals", "words")}
    for detail in details.values():
        ModelDetail.model_validate(detail)
    assert details["sentiment"]["labels"] == ["bad", "good", "other"]
    assert details["animals"]["labels"] == ["B-ANIMAL", "I-ANIMAL", "O"]
    assert details["words"]["labels"] is None
