"""`python -m tools.examples`: write the answers from where the OpenAPI document shows them."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import httpx

from app.openapi.examples import ANSWERS_FILE
from tools.examples.service import serving
from tools.examples.session import ask_all

ANSWERS = Path("app/openapi") / ANSWERS_FILE


def main() -> None:
    """Write the answers of a service with the shipped models."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url, httpx.Client(base_url=url) as client:
        client.timeout = httpx.Timeout(60)
        while client.get("/health/ready").status_code != 200:
            time.sleep(0.1)
        answers = ask_all(client, client.get("/openapi.json").json())
    ANSWERS.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
