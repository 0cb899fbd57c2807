"""Empty FastAPI routes that parse the bodies of `next` and `probability` and always answer the same.

`python -m benchmarks.service._empty ANSWERS PORT`, the answers being a JSON file by route. The service is compared with
it: the same server, the same models of bodies, the same encoder of answers, and nothing else.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from app.http.responses import OrjsonResponse
from app.schemas.next import NextRequest
from app.schemas.probability import ProbabilityRequest


def application(answers: dict[str, Any]) -> FastAPI:
    """Return the application that gives those answers."""
    app = FastAPI()

    @app.post("/v1/models/{model}/next")
    async def predict(model: str, body: NextRequest) -> OrjsonResponse:
        del model, body
        return OrjsonResponse(answers["next"])

    @app.post("/v1/models/{model}/probability")
    async def score(model: str, body: ProbabilityRequest) -> OrjsonResponse:
        del model, body
        return OrjsonResponse(answers["probability"])

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(json.loads(Path(sys.argv[1]).read_bytes())),
        port=int(sys.argv[2]),
        log_level="warning",
        access_log=False,
    )
