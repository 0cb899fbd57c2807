"""Parts of documents that programs write: text between two marks, and calls with their answers."""

from __future__ import annotations

import re

CALL = re.compile(r"```console\n\$ (?P<command>[^\n]*)\n.*?```", re.DOTALL)
"""One call of a document with its answer."""


def replace_between(text: str, name: str, content: str) -> str:
    """Put `content` between the comments `<!-- name ... -->` and `<!-- /name -->` of `text`.

    Raises ValueError where the marks are missing, so that a generated part is not silently left as it was.
    """
    pattern = re.compile(rf"(<!-- {name}\b[^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there are no marks for {name!r}")
    return pattern.sub(lambda match: match[1] + content + match[2], text)
