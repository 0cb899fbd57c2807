"""Examples of docstrings as code on the documentation's pages, for mkdocstrings.

Markdown reads `>>>` as three nested quotations, so examples are put between fences when a page is made. Docstrings stay
as Python's own help shows them.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)
"""An example: from its first prompt to the next empty line."""


class DoctestFences(griffe.Extension):
    """Put every example of a docstring between fences."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """See griffe; called for each object that a page may show."""
        if obj.docstring is not None:
            obj.docstring.value = fence_examples(obj.docstring.value)


def fence_examples(docstring: str) -> str:
    """Return the docstring with each example as a block of code."""
    return EXAMPLE.sub(lambda example: f"```pycon\n{example[0]}\n```", docstring)
