"""Pages that show every route as it is called by curl, httpx and OpenAI's client.

`python -m tools.clients.pages` writes them; a test holds them to the calls, the calls to the OpenAPI document, and runs
every snippet.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from textwrap import fill
from typing import Any

from app.core.settings import Settings
from app.main import create_app
from tools.clients.call import ADDRESS, Call
from tools.clients.calls import PAGES

FOLDER = Path("docs/reference/calls")
CLIENTS = {"curl": "sh", "httpx": "python", "openai": "python"}
"""Language of the code, by client."""
IMPORTS = {
    "httpx": f'import httpx\n\nclient = httpx.Client(base_url="{ADDRESS}", timeout=60)',
    "openai": f'from openai import OpenAI\n\nopenai = OpenAI(base_url="{ADDRESS}/v1", api_key="none")',
}
_HEAD = """# {title}

Calls of the service by curl, by Python with httpx and, where a route has the shape of OpenAI's API, with OpenAI's own
client. What the routes take and give in full is at `/docs` of a running service; what all have in common is in
[HTTP API](../http-api.md). Where keys are asked for, send yours as `Authorization: Bearer KEY`, or as `api_key`.
"""


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    document = openapi_document()
    for name in PAGES:
        (FOLDER / f"{name}.md").write_text(page(name, document), encoding="utf-8")


def openapi_document() -> dict[str, Any]:
    """Return the description of all routes."""
    with tempfile.TemporaryDirectory() as data:
        return create_app(Settings(checkpoints=Path("checkpoints"), data=Path(data))).openapi()


def page(name: str, document: dict[str, Any]) -> str:
    """Return the Markdown of a page."""
    title, calls = PAGES[name]
    clients = [client for client in IMPORTS if client == "httpx" or any(call.openai for call in calls)]
    imports = "\n".join(_fence(client, IMPORTS[client]) for client in clients)
    sections, shown = [f"The Python of this page begins with\n\n{imports}"], ""
    for call in calls:
        heading = "" if call.route == shown else _heading(call, document)
        sections.append(heading + _snippets(call))
        shown = call.route
    return "\n".join([_HEAD.format(title=title), *sections])


def _heading(call: Call, document: dict[str, Any]) -> str:
    operation = document["paths"][call.path][call.method.lower()]
    purpose = " ".join(operation["description"].split("\n\n")[0].split())
    text = fill(f"`{call.route}`: {purpose[:1].lower()}{purpose[1:]}", 120, break_long_words=False)
    return f"## {operation['summary']}\n\n{text}\n\n"


def _snippets(call: Call) -> str:
    code = {"curl": call.curl(), "httpx": call.httpx(), "openai": call.openai}
    fences = "\n".join(_fence(client, text) for client, text in code.items() if text)
    return f"{call.note}\n\n{fences}" if call.note else fences


def _fence(client: str, code: str) -> str:
    return f'```{CLIENTS[client]} title="{client}"\n{code}\n```\n'


if __name__ == "__main__":
    main()
