"""Calls of every route, page by page in the order in which the documentation shows them."""

from __future__ import annotations

from tools.clients.call import ADDRESS, KEPT, Call

KN, MODEL, PATH_MODEL = "gutenberg-kn", "/v1/models/{model}", "/m/{model}"
LETTERS = {"model": KN}


def _ask(name: str, model: str = KN, **body: object) -> Call:
    """Return a call of a model's route under /v1/models."""
    return Call("POST", f"{MODEL}/{name}", {"model": model}, json=body)


def _openai_of_path(model: str, code: str) -> str:
    """Return code with OpenAI's client at the address of one model."""
    return f'at_model = OpenAI(base_url="{ADDRESS}/m/{model}/v1", api_key="none")\n{code}'


MODELS = (
    Call(
        "GET",
        "/v1/models",
        openai="for model in openai.models.list():\n    print(model.id)",
    ),
    Call("GET", MODEL, LETTERS, openai=f'print(openai.models.retrieve("{KN}").id)'),
    Call(
        "GET",
        f"{PATH_MODEL}/v1/models",
        LETTERS,
        openai=_openai_of_path(KN, "print([model.id for model in at_model.models.list()])"),
    ),
    Call("GET", f"{MODEL}/vocabulary", LETTERS, {"prefix": "dark", "limit": 5}),
    Call("GET", f"{MODEL}/files", {"model": "students"}),
    Call("GET", f"{MODEL}/files/{{file}}", {"model": "students@1", "file": "card.json"}),
    Call("GET", f"{MODEL}/export", {"model": "students"}, {"format": "arpa"}, answer="text"),
    _ask("counts", "students", text=["students opened their books", "their books"]),
    Call("PUT", "/v1/aliases/{alias}", {"alias": "best"}, json={"model": f"{KN}@1"}),
    Call("GET", "/v1/aliases"),
    Call("GET", "/v1/aliases/{alias}", {"alias": "best"}),
    Call("DELETE", "/v1/aliases/{alias}", {"alias": "best"}),
    Call("GET", "/v1/findings"),
    Call("GET", "/v1/findings/{finding}", {"finding": "families"}, {"source": "shipped"}),
    Call("DELETE", MODEL, {"model": "old-model@1"}, openai='print(openai.models.delete("old-model@1"))'),
)
LANGUAGE_MODELS = (
    _ask("next", context="it was a dark and", top_k=5),
    _ask("complete", context="it was a dark and", prefix="st", top_k=3),
    _ask("probability", text=["it was the best of times", "times best the was of it"]),
    _ask("perplexity", text="it was the best of times ,\nit was the worst of times .", unit="lines"),
    Call(
        "POST",
        f"{MODEL}/perplexity",
        LETTERS,
        {"unit": "document"},
        text="it was the best of times ,\nit was the worst of times .",
        note="Plain text of any size is read as it comes.",
    ),
    _ask("analyze", text="it was the best of times ,\nit was the worst of times ."),
    _ask(
        "rescore",
        hypotheses=[{"score": -12.5, "text": "it was a fine day"}, {"score": -12.1, "text": "it was a find a"}],
        lm_weight=0.7,
    ),
    _ask("generate", prompt="it was a dark", max_tokens=10, seed=1),
    Call(
        "POST",
        f"{MODEL}/generate",
        {"model": "gutenberg-lstm"},
        json={"prompt": "it was a dark", "max_tokens": 10, "seed": 1, "stream": True},
        answer="lines",
        note="With `stream` the tokens come as server-sent events.",
    ),
    Call(
        "POST",
        f"{PATH_MODEL}/heuristics",
        LETTERS,
        json={"prompt": "Tell me a story about an old man who lived by the sea .", "lp_threshold": 2},
    ),
)
TASKS = (
    _ask("classify", "sentiment", text=["a warm and funny film", "too long and not funny at all"]),
    _ask("tag", "part-of-speech", text=["the old dog saw a bird ."]),
    _ask("fill", "gutenberg-fill", text="I bought a ___ bear for the children .", top_k=3),
    _ask("pseudo_logprob", "gutenberg-fill", text=["the old man sat by the fire", "the old man sat by the why"]),
    _ask(
        "answer",
        "babi-reader",
        context="Mary moved to the bathroom.\nJohn went to the hallway.",
        question="Where is Mary?",
    ),
)
OPENAI = (
    Call(
        "POST",
        "/v1/completions",
        json={"model": KN, "prompt": "it was a", "max_tokens": 5, "temperature": 0},
        openai=f'answer = openai.completions.create(model="{KN}", prompt="it was a", max_tokens=5, temperature=0)\n'
        "print(answer.choices[0].text)",
    ),
    Call(
        "POST",
        "/v1/completions",
        json={"model": KN, "prompt": "it was a", "max_tokens": 5, "stream": True},
        answer="lines",
        openai=f'parts = openai.completions.create(model="{KN}", prompt="it was a", max_tokens=5, stream=True)\n'
        'for part in parts:\n    print(part.choices[0].text, end="")',
        note="With `stream` the tokens come as server-sent events.",
    ),
    Call(
        "POST",
        f"{PATH_MODEL}/v1/completions",
        LETTERS,
        json={"prompt": "it was a dark night", "max_tokens": 0, "echo": True, "logprobs": 3},
        openai=_openai_of_path(
            KN,
            "answer = at_model.completions.create(\n"
            f'    model="{KN}", prompt="it was a dark night", max_tokens=0, echo=True, logprobs=3\n)\n'
            "print(answer.choices[0].logprobs.token_logprobs)",
        ),
    ),
    Call(
        "POST",
        "/v1/embeddings",
        json={"model": "sentiment", "input": ["a warm and funny film", "I laughed a lot"]},
        openai='texts = ["a warm and funny film", "I laughed a lot"]\n'
        'answer = openai.embeddings.create(model="sentiment", input=texts)\n'
        "print(len(answer.data), len(answer.data[0].embedding))",
    ),
    Call(
        "POST",
        f"{PATH_MODEL}/v1/embeddings",
        {"model": "sentiment"},
        json={"input": "a warm and funny film"},
        openai=_openai_of_path(
            "sentiment",
            'answer = at_model.embeddings.create(model="sentiment", input="a warm and funny film")\n'
            "print(answer.usage.prompt_tokens)",
        ),
    ),
    Call("POST", "/tokenize", json={"model": KN, "prompt": "it was a dark night", "return_token_strs": True}),
    Call("POST", f"{PATH_MODEL}/tokenize", LETTERS, json={"prompt": "it was a dark night"}),
    Call("POST", "/detokenize", json={"model": KN, "tokens": [13, 15, 9]}),
    Call("POST", f"{PATH_MODEL}/detokenize", LETTERS, json={"tokens": [13, 15, 9]}),
    Call("GET", "/tokenizer_info", query={"model": KN}),
    Call("GET", f"{PATH_MODEL}/tokenizer_info", LETTERS),
)
JOBS = (
    Call(
        "POST",
        "/v1/files",
        file="corpus.txt",
        keep="file_id",
        openai='file_id = openai.files.create(file=open("corpus.txt", "rb"), purpose="training").id',
        note="The id of the file is kept for the calls below.",
    ),
    Call(
        "GET",
        "/v1/files",
        query={"limit": 10},
        openai="for file in openai.files.list(limit=10):\n    print(file.id, file.filename)",
    ),
    Call("GET", "/v1/files/{file_id}", {"file_id": KEPT}, openai="print(openai.files.retrieve(file_id).bytes)"),
    Call(
        "GET",
        "/v1/files/{file_id}/content",
        {"file_id": KEPT},
        answer="text",
        openai="print(openai.files.content(file_id).text)",
    ),
    Call("DELETE", "/v1/files/{file_id}", {"file_id": KEPT}, openai="print(openai.files.delete(file_id).deleted)"),
    Call(
        "POST",
        "/v1/jobs/estimate",
        json={"name": "emma", "kind": "ngram", "training_file": "file-sample", "config": {"order": 3}},
        note="Parameters, bytes of memory and seconds are upper estimates.",
    ),
    Call(
        "POST",
        "/v1/jobs",
        json={"name": "emma", "kind": "ngram", "training_file": "file-sample", "config": {"order": 3}},
        keep="job_id",
        note="Every service has the file `file-sample`, a short text to begin with. The id of the job is kept.",
    ),
    Call("GET", "/v1/jobs", query={"limit": 10}),
    Call("GET", "/v1/jobs/{job_id}", {"job_id": KEPT}),
    Call("GET", "/v1/jobs/{job_id}/metrics", {"job_id": KEPT}, {"points": 100}),
    Call("POST", "/v1/jobs/{job_id}/cancel", {"job_id": KEPT}),
    Call("GET", "/v1/jobs/{job_id}/events", {"job_id": KEPT}),
    Call(
        "GET",
        "/v1/jobs/{job_id}/events",
        {"job_id": KEPT},
        accept="text/event-stream",
        answer="lines",
        note="As a stream the events come until the job is over.",
    ),
)
SERVICE = (
    Call("GET", "/health/live"),
    Call("GET", "/health/ready"),
    Call("GET", "/metrics", answer="text"),
)
PAGES: dict[str, tuple[str, tuple[Call, ...]]] = {
    "models": ("Models and aliases", MODELS),
    "language-models": ("Language models", LANGUAGE_MODELS),
    "tasks": ("Tasks", TASKS),
    "openai": ("Completions, embeddings and tokens", OPENAI),
    "jobs": ("Files and jobs", JOBS),
    "service": ("The service itself", SERVICE),
}
"""Title and calls of each page, by its name."""
