"""Lists the benchmarks: each one's command and the first line of its docstring.

It reads the files without running them, and knows nothing of what they measure.
"""

import ast
from pathlib import Path


def summaries(folder: Path) -> list[tuple[str, str]]:
    """The name and the docstring's first line of each benchmark in `folder`, by name."""
    files = sorted(path for path in folder.glob("*.py") if not path.stem.startswith("_"))
    docstrings = ((path.stem, ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))) for path in files)
    return [(name, (docstring or "").partition("\n")[0]) for name, docstring in docstrings]


def main() -> None:
    """Print one line for each benchmark."""
    for name, summary in summaries(Path(__file__).parent):
        print(f"python -m benchmarks.{name:<16} {summary}")


if __name__ == "__main__":
    main()
