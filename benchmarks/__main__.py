"""List of the benchmarks: the command of each and the first line of its docstring.

The files are read without being run, so that the list needs none of the peers that benchmarks compare with.
"""

import ast
from pathlib import Path


def summaries(folder: Path) -> list[tuple[str, str]]:
    """Return the name (`group.benchmark`) and the docstring's first line of each benchmark below `folder`."""
    files = sorted(path for path in folder.glob("*/*.py") if not path.stem.startswith("_"))
    docstrings = ((path, ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))) for path in files)
    return [(f"{path.parent.name}.{path.stem}", (docstring or "").partition("\n")[0]) for path, docstring in docstrings]


def main() -> None:
    """Print a line for each benchmark."""
    for name, summary in summaries(Path(__file__).parent):
        print(f"python -m benchmarks.{name:<30} {summary}")


if __name__ == "__main__":
    main()
