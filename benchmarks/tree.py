"""The tree in ARCHITECTURE.md, made anew: every file with the first sentence that it says of itself.

Run from the project's folder: python -m benchmarks.tree. It rewrites ARCHITECTURE.md.
"""

from __future__ import annotations

import ast
import subprocess
from itertools import groupby
from pathlib import Path

PAGE = Path("ARCHITECTURE.md")
BEGIN, END = "```text\n", "```\n"

SPEECHLESS = {
    ".ci/run": "What must pass before a change lands: the checks, then the README's test command.",
    ".gitignore": "What is never committed.",
    "ARCHITECTURE.md": "This page.",
    "CHANGELOG.md": "What changed.",
    "CONTRIBUTING.md": "How to change it.",
    "LICENSE": "The licence, Apache-2.0, in full.",
    "benchmarks/concurrency.svg": "The picture that `litserve --plot` draws, as README shows it.",
    "README.md": "What it is for, first calls, settings, figures.",
    "pyproject.toml": "What is installed, and the settings of every tool.",
    "requirements.lock": "The exact version of every dependency.",
}
"""Files that cannot speak for themselves, or do so at length."""
LEFT_OUT = ("__init__.py", ".gitkeep", "py.typed")


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN, 1)
    PAGE.write_text(before + BEGIN + tree() + END + rest.split(END, 1)[1], encoding="utf-8")


def tree() -> str:
    """A line for each file that git knows, folder by folder; tests mirror the code, checkpoints are data."""
    found = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
    files = [Path(name) for name in found if name and not name.startswith(("tests/", "checkpoints/"))]
    files = sorted((file for file in files if file.name not in LEFT_OUT), key=lambda f: (f.parent.parts, f.name))
    lines = ["checkpoints/<name>/<version>/  The shipped models: card.json, tokenizer.json, weights.safetensors."]
    lines.append("tests/                         tests/X/test_Y.py tests X/Y.py; tests/prove/ holds the long proofs.")
    for folder, members in groupby(files, key=lambda file: file.parent):
        lines.append("" if folder == Path() else f"\n{folder}/")
        described = [(file.name, sentence(file)) for file in members]
        width = max(len(name) for name, _ in described)
        lines += [f"  {name:<{width}}  {said}" for name, said in described]
    return "\n".join(lines) + "\n"


def sentence(file: Path) -> str:
    """What a file says of itself first: its docstring's or comment's first line."""
    if said := SPEECHLESS.get(str(file)):
        return said
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
    return text.split("\n")[0].removeprefix("# ")


if __name__ == "__main__":
    main()
