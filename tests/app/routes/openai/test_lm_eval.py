"""EleutherAI's lm-evaluation-harness, unmodified, gets the figures that our own routes tell.

It needs `lm_eval[api]`, the extra `clients`: in this environment, or in that of the Python that the variable
NEXTWORD_CLIENTS_PYTHON names, as its dependencies are many.
"""

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.helpers.command_line import python_with
from tests.helpers.serving import Server

NEEDED = "lm_eval, tenacity", "NEXTWORD_CLIENTS_PYTHON"
"""Modules of `lm_eval[api]`, and the variable that names a Python which has them."""
DOCUMENTS = [
    {"text": "the old dog saw a bird and the cat .", "begin": "the old", "ends": ["dog", "bird", "the cat"]},
    {"text": "a bird followed a bird at night .", "begin": "a bird", "ends": ["saw the cat", "followed a dog", ","]},
    {"text": "the cat saw the old zebra and a dog .", "begin": "", "ends": ["the cat saw", "dog", "a bird"]},
]
TASK = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: {kind}
doc_to_text: "{{{{begin}}}}"
doc_to_target: {target}
{rest}
"""
TASKS = {
    "rolling": ("loglikelihood_rolling", '"{{text}}"', "metric_list:\n  - metric: bits_per_byte"),
    "choice": ("multiple_choice", "0", 'doc_to_choice: "{{ends}}"\nmetric_list:\n  - metric: acc'),
    "generate": (
        "generate_until",
        '"{{ends}}"',
        'generation_kwargs:\n  until: ["."]\n  max_gen_toks: 6\nmetric_list:\n  - metric: exact_match',
    ),
}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    python_with(*NEEDED)
    folder = tmp_path_factory.mktemp("lm-eval")
    data = folder / "documents.jsonl"
    data.write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    for name, (kind, target, rest) in TASKS.items():
        text = TASK.format(name=f"nextword_{name}", data=data, kind=kind, target=target, rest=rest)
        (folder / f"{name}.yaml").write_text(text)
    return folder


def answers(tasks: Path, server: Server, model: str, batch: int) -> dict[str, list[list]]:
    """Run the harness; return what it read from the answers for each document of each task."""
    out = tasks / f"{model}-{batch}"
    address = f"{server.url}/m/{model}/v1/completions"
    arguments = f"model={model},base_url={address},tokenizer_backend=remote,max_length=1000000"
    names = ",".join(f"nextword_{name}" for name in TASKS)
    options = ["--model", "local-completions", "--tasks", names, "--model_args", arguments]
    command = [python_with(*NEEDED), "-m", "lm_eval", *options]
    command += ["--include_path", str(tasks), "--output_path", str(out), "--log_samples", "--batch_size", str(batch)]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tasks / "cache")}
    run = subprocess.run(command, env={**os.environ, **offline}, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    return {name: _samples(out, name) for name in TASKS}


def _samples(out: Path, name: str) -> list[list]:
    (file,) = out.rglob(f"samples_nextword_{name}_*.jsonl")
    samples = [json.loads(line) for line in file.read_text().splitlines()]
    return [sample["filtered_resps"] for sample in sorted(samples, key=lambda sample: sample["doc_id"])]


@pytest.mark.clients
@pytest.mark.parametrize(("model", "batch"), [("words", 1), ("letters", 1), ("lstm", 3)])
def test_lm_eval_gets_our_own_figures(
    tasks: Path, server: Server, client: httpx.Client, model: str, batch: int
) -> None:
    def logprob(text: str, context: str = "") -> float:
        body = {"text": text, "context": context, "eos": False}
        return client.post(f"/v1/models/{model}/probability", json=body).json()["results"][0]["logprob"]

    found = answers(tasks, server, model, batch)
    for document, rolling, choice, generated in zip(DOCUMENTS, *found.values(), strict=True):
        assert float(rolling[0]) == pytest.approx(logprob(document["text"]), rel=1e-6)
        # The harness puts a blank before an ending, and </s> where there is nothing before it.
        expected = [logprob(f" {end}", document["begin"]) for end in document["ends"]]
        assert [float(pair[0]) for pair in choice] == pytest.approx(expected, rel=1e-6)
        question = {"prompt": document["begin"], "max_tokens": 6, "temperature": 0, "stop": "."}
        text = client.post(f"/v1/models/{model}/generate", json=question).json()["choices"][0]["text"]
        assert generated == [text]
