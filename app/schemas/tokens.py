"""Content of tokens in answers: readable text, id, and bytes where a token ends inside a character.

Every route and command shows tokens by these functions: ids are those of the tokenizer's file, where it comes from one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from models.inference.prediction.predictions import ContextTokens
from models.tokenization.token_names import TokenNames


def token_content(names: TokenNames, token: int) -> dict[str, Any]:
    """Return the JSON content of a token, given its internal id."""
    content: dict[str, Any] = {"token": names.texts[token], "id": names.public_id(token)}
    return content | {"bytes": list(names.incomplete[token])} if token in names.incomplete else content


def token_contents(names: TokenNames, tokens: Sequence[int]) -> Iterable[dict[str, Any]]:
    """Return the JSON content of each token, given their internal ids; fast for those of our own words."""
    if names.incomplete or names.public_ids is not None:
        return (token_content(names, token) for token in tokens)
    texts = names.texts
    return ({"token": texts[token], "id": token} for token in tokens)


def context_content(names: TokenNames, context: ContextTokens) -> list[dict[str, Any]]:
    """Return the JSON content of a text that was tokenized: words as they stand in it."""
    shown = names.of_text(context.ids, context.oov, context.surface_forms)
    columns = zip(shown, context.ids, context.oov, strict=True)
    if names.public_ids is None and not names.incomplete:  # our own words, where this is most of the answer
        return [{"token": form, "id": i, "oov": oov} for form, i, oov in columns]
    return [token_content(names, i) | {"token": form, "oov": oov} for form, i, oov in columns]
