"""What a dataclass says of its fields, read from its source: for the help of flags, and for the API's documentation."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from itertools import pairwise
from typing import Any


def attribute_docs(kind: type[Any]) -> dict[str, str]:
    """What a dataclass says of its fields: the text below each, or `name: text` in its docstring; one line each."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    texts = dict(re.findall(r"^(\w+): (.+)$", inspect.getdoc(kind) or "", re.MULTILINE))
    for statement, below in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            match below:
                case ast.Expr(ast.Constant(str(text))):
                    texts[statement.target.id] = " ".join(text.split())
    return texts
