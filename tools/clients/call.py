"""`Call`: a request to a route, written as a command of curl and as Python with httpx.

An id that an earlier answer of the page gave, as that of an uploaded file, is kept in a variable named like the
parameter of the path: `file_id` in Python, `$FILE_ID` in a shell.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

ADDRESS = "http://127.0.0.1:8000"
KEPT = "(kept)"
"""Value of a path's parameter: the id that an earlier call kept."""
LINE = 100
"""Characters of a line of code, about."""
READ_ID = """python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'"""


@dataclass(frozen=True)
class Call:
    """Request to a route; it is shown in the words of each client."""

    method: str
    path: str
    """As the OpenAPI document has it."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Of the parameters in the path."""
    query: Mapping[str, str | int] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    text: str | None = None
    """A body that is plain text."""
    file: str | None = None
    """Name of a file that is sent in a form."""
    accept: str = ""
    keep: str = ""
    """Name of the path's parameter for which the answer's id is kept."""
    answer: Literal["json", "text", "lines"] = "json"
    """How the answer is read; `lines` as they come."""
    openai: str = ""
    """Code with OpenAI's client, where the route has that shape."""
    note: str = ""
    """A sentence above the code."""

    @property
    def route(self) -> str:
        """Method and path of the route."""
        return f"{self.method} {self.path}"

    def curl(self) -> str:
        """Return the command."""
        url = f"{ADDRESS}{self._filled_path('$' + '{0}', str.upper)}"
        url = f'"{url}"' if "$" in url or "?" in url else url
        parts = [f"curl -s{'N' if self.answer == 'lines' else ''} {url}", *self._curl_options()]
        command = " ".join(parts) if sum(map(len, parts)) < LINE else " \\\n  ".join(parts)
        return f"{self.keep.upper()}=$({command} \\\n  | {READ_ID})" if self.keep else command

    def httpx(self) -> str:
        """Return the Python code; it uses the `client` that the page begins with."""
        path = self._filled_path("{{{0}}}", str)
        url = f'{"f" if KEPT in self.values.values() else ""}"{path}"'
        call = _python_call(self._httpx_function(), [*self._httpx_first(), url, *self._httpx_arguments()])
        if self.answer == "lines":
            return f"with {call} as answer:\n    for line in answer.iter_lines():\n        print(line)"
        content = "answer.text" if self.answer == "text" else "answer.json()"
        use = f'{self.keep} = answer.json()["id"]' if self.keep else f"print({content})"
        return f"answer = {call}.raise_for_status()\n{use}"

    def _filled_path(self, form: str, name_of: Callable[[str], str]) -> str:
        path = self.path
        for name, value in self.values.items():
            path = path.replace(f"{{{name}}}", form.format(name_of(name)) if value == KEPT else value)
        return f"{path}?{urlencode(self.query)}" if self.query else path

    def _curl_options(self) -> list[str]:
        options = [] if self.method in ("GET", "POST") else [f"-X {self.method}"]
        options += [f"-H 'accept: {self.accept}'"] if self.accept else []
        if self.json is not None:
            body = json.dumps(self.json, ensure_ascii=False)
            options += ["-H 'content-type: application/json'", f"-d {shlex.quote(body)}"]
        elif self.text is not None:
            options += ["-H 'content-type: text/plain'", f"--data-binary {shlex.quote(self.text)}"]
        elif self.file is not None:
            options += ["-F purpose=training", f"-F file=@{self.file}"]
        elif self.method == "POST":
            options += ["-X POST"]
        return options

    def _httpx_function(self) -> str:
        return "client.stream" if self.answer == "lines" else f"client.{self.method.lower()}"

    def _httpx_first(self) -> list[str]:
        return [f'"{self.method}"'] if self.answer == "lines" else []

    def _httpx_arguments(self) -> list[str]:
        arguments = [f'headers={{"accept": "{self.accept}"}}'] if self.accept else []
        if self.json is not None:
            arguments.append(f"json={python_literal(self.json)}")
        elif self.text is not None:
            arguments += [f"content={json.dumps(self.text)}", 'headers={"content-type": "text/plain"}']
        elif self.file is not None:
            arguments += ['data={"purpose": "training"}', f'files={{"file": open("{self.file}", "rb")}}']
        return arguments


def python_literal(value: object) -> str:
    """Return a value of JSON as Python writes it, with double quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {python_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(python_literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _python_call(function: str, arguments: list[str]) -> str:
    """Return a call in one line, or with an argument a line where that is too long."""
    line = f"{function}({', '.join(arguments)})"
    return line if len(line) < LINE else f"{function}(\n    " + ",\n    ".join(arguments) + ",\n)"
