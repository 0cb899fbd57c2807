"""LiteLLM, unmodified, completes, streams, embeds, and raises its own errors.

It needs `litellm`, of the extra `clients`: in this environment, or in that of the Python that the variable
NEXTWORD_CLIENTS_PYTHON names.
"""

import json
import os
import subprocess

import httpx
import pytest

from tests.helpers.command_line import python_with
from tests.helpers.serving import Server

PROGRAM = """
import json, sys
import litellm

litellm.suppress_debug_info = True
place = {"api_base": sys.argv[1] + "/v1", "api_key": "none", "max_retries": 0}
question = {"model": "text-completion-openai/words", "prompt": "the old", "max_tokens": 5, "temperature": 0, **place}
whole = litellm.text_completion(**question)
parts = litellm.text_completion(**question, stream=True)
errors = []
for wrong in ({"model": "text-completion-openai/nothing"}, {"n": 99}):
    try:
        litellm.text_completion(**{**question, **wrong})
    except Exception as error:
        errors.append(type(error).__name__)
print(json.dumps({
    "text": whole.choices[0].text,
    "tokens": whole.usage.total_tokens,
    "streamed": "".join(part.choices[0].text or "" for part in parts),
    "size": len(litellm.embedding(model="openai/lstm", input=["the old"], **place).data[0]["embedding"]),
    "errors": errors,
}))
"""


@pytest.mark.clients
def test_litellm_gets_our_own_answers(server: Server, client: httpx.Client) -> None:
    python = python_with("litellm", "NEXTWORD_CLIENTS_PYTHON")
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [python, "-c", PROGRAM, server.url]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-3000:]
    told = json.loads(run.stdout.splitlines()[-1])
    question = {"prompt": "the old", "max_tokens": 5, "temperature": 0}
    expected = client.post("/v1/models/words/generate", json=question).json()
    vector = client.post("/v1/embeddings", json={"model": "lstm", "input": "the old"}).json()["data"][0]["embedding"]
    assert told == {
        "text": expected["choices"][0]["text"],
        "tokens": expected["usage"]["total_tokens"],
        "streamed": expected["choices"][0]["text"],
        "size": len(vector),
        "errors": ["NotFoundError", "BadRequestError"],
    }
