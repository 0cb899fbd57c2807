"""NeMo Guardrails, unmodified, blocks and allows prompts by our gibberish check.

It needs `nemoguardrails`: in this environment, or in that of the Python that the variable NEXTWORD_GUARDRAILS_PYTHON
names, as its dependencies are many.
"""

import json
import subprocess

import httpx
import pytest

from tests.helpers.command_line import python_with
from tests.helpers.serving import Server

PROMPTS = [
    "the old dog and the cat saw a bird , and my friend liked the cat and the dog and the bird and slept .",
    "the old dog and the cat saw a bird " + "zq]( \\!--x {{k ^^w " * 8,
]
PROGRAM = """
import asyncio, json, sys
from nemoguardrails import RailsConfig
from nemoguardrails.library.jailbreak_detection.actions import jailbreak_detection_heuristics
from nemoguardrails.llm.taskmanager import LLMTaskManager
prompts, config = json.loads(sys.argv[1])
manager = LLMTaskManager(RailsConfig.from_content(yaml_content=json.dumps(config)))
outcomes = [asyncio.run(jailbreak_detection_heuristics(manager, {"user_message": prompt})) for prompt in prompts]
print(json.dumps([outcome.decision.value for outcome in outcomes]))
"""


@pytest.mark.clients
def test_guardrails_blocks_by_the_check(server: Server, client: httpx.Client) -> None:
    python = python_with("nemoguardrails", "NEXTWORD_GUARDRAILS_PYTHON")
    plain, gibberish = (client.post("/m/words/heuristics", json={"prompt": prompt}).json() for prompt in PROMPTS)
    thresholds = {
        "length_per_perplexity_threshold": 2 * plain["scores"]["length_per_perplexity"],
        "prefix_suffix_perplexity_threshold": gibberish["scores"]["suffix_perplexity"] / 2,
    }
    check = {"server_endpoint": f"{server.url}/m/words/heuristics", **thresholds}
    config = {"rails": {"config": {"jailbreak_detection": check}}}
    command = [python, "-c", PROGRAM, json.dumps([PROMPTS, config])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-3000:]
    assert json.loads(run.stdout.splitlines()[-1]) == ["allow", "block"]
