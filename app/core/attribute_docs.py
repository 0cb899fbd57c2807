"""Descriptions of a dataclass's fields, read from its source, for help and API documentation."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from itertools import pairwise
from typing import Any


def attribute_docs(kind: type[Any]) -> dict[str, str]:
    """Return each field's description: the string below it, or `name: text` in the class's docstring.

    A dataclass has its bases' fields too.
    """
    texts: dict[str, str] = {}
    for part in reversed(kind.__mro__):
        if is_dataclass(part):
            texts |= _own_docs(part)
    return texts


def _own_docs(kind: type[Any]) -> dict[str, str]:
    """Return the descriptions of the fields that a class itself declares."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    described = re.findall(r"^(\w+): (.+(?:\n +\S.*)*)$", inspect.getdoc(kind) or "", re.MULTILINE)
    texts = {name: " ".join(text.split()) for name, text in described}
    for statement, below in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            match below:
                case ast.Expr(ast.Constant(str(text))):
                    texts[statement.target.id] = " ".join(text.split())
    return texts
