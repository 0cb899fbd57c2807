"""First page of the documentation: the service, where to start, and the purpose of each group."""

from __future__ import annotations

DESCRIPTION = """Small language models over HTTP: n-gram and recurrent models, and models that classify, tag, fill in
and answer.

**Where to start.** Each route below is filled in with a request that works: open it and press *Execute*.

1. [List the models](#/models/list_models) that are served.
2. [Predict the next word](#/predict/predict_next), [score a text](#/score/score_probability) or
   [let a model write](#/generate/generate).
3. [Train a model](#/jobs/create_job) on the sample text that every service has, `file-sample`;
   [look how it gets on](#/jobs/list_jobs), and ask the model by its name once its job has succeeded.
4. [Upload a text](#/files/upload) of your own, and train on that.

Programs that speak OpenAI's protocol take this server's address with `/v1` as their base URL; those that name no model
take `/m/{model}/v1`.

**Everywhere.** Log-probabilities are natural logarithms (nats). Every answer has an `x-request-id`; every error is
`{"error": {"message", "type", "param", "code"}}`, and each route lists the codes that it can answer with."""

GROUPS = {
    "models": "Which models there are, what they were made from and how good they are; aliases, export and deletion.",
    "predict": "What comes next: the most probable tokens after a context, and completions of what is being typed.",
    "score": "How probable texts are: probability, perplexity, surprisal, and ranks of hypotheses.",
    "generate": "Texts written by a model, sampled or most probable, whole or as a stream.",
    "completions": "Generation and scoring in the shape of OpenAI's completions, for the clients that speak it.",
    "tokenizer": "Token ids of texts and back, as evaluation harnesses ask for them.",
    "tasks": "What models beside language models do: labels, tags, blanks, answers and vectors.",
    "files": "Texts and other files that jobs read; every service has a sample text, `file-sample`.",
    "jobs": "Training, composing, importing and measuring models, by workers in the background.",
    "health": "Whether the process answers and is ready, and what it counted.",
}
"""Tags of routes, in the order of the page, with what they are for."""
TAGS = [{"name": name, "description": description} for name, description in GROUPS.items()]
"""The groups as OpenAPI has them."""
