"""Names of published models: `parse_model` is the one reading of `name` and `name@version`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from models.errors import InvalidInput

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LISTED_MODELS = 12
"""Most models that a message lists; of more it names the nearest."""
NEAR_MODELS = 3
VERSION = re.compile(r"[1-9][0-9]{0,8}")


def check_name(name: str) -> None:
    """Raise InvalidInput unless `name` can be a checkpoint's name."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            "name", f"{name!r} is no name: 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
        )


def parse_model(model: str) -> tuple[str, int | None]:
    """Return name and version of `name@version`; the version of `name` alone is None.

    Each model is written in one way: no sign, blank, leading zero or digit of another script is read over.

    >>> parse_model("gutenberg-kn@2")
    ('gutenberg-kn', 2)
    >>> parse_model("gutenberg-kn@02")
    Traceback (most recent call last):
    models.errors.InvalidInput: model: 'gutenberg-kn@02' is no name@version: its version must be written as 1, 2, 3, ...
    """
    name, at, version = model.partition("@")
    if not NAME.fullmatch(name):
        raise InvalidInput("model", f"{model!r:.80} is no model: `name` or `name@version` is accepted")
    if not at:
        return name, None
    if not VERSION.fullmatch(version):
        message = f"{model!r:.80} is no name@version: its version must be written as 1, 2, 3, ..."
        raise InvalidInput("model", message)
    return name, int(version)


def near_names(model: str, ids: Sequence[str]) -> str:
    """Return, for a message, which models there are: all where they are few, else those of a like name.

    >>> near_names("gutenberg-ln", ["gutenberg-kn@1", "gutenberg-lstm@1"])
    'there are: gutenberg-kn@1, gutenberg-lstm@1'
    >>> near_names("gutenberg-ln", ["gutenberg-kn@1", *(f"m{number}@1" for number in range(299))])
    'of 300 models the nearest are: gutenberg-kn@1'
    """
    if len(ids) <= LISTED_MODELS:
        return f"there are: {', '.join(ids) or 'none'}"
    parts = {candidate.partition("@")[0]: candidate for candidate in ids}  # a name alone stands for its newest version
    near = get_close_matches(model, ids, NEAR_MODELS, 0.75) or [
        parts[name] for name in get_close_matches(model.partition("@")[0], parts, NEAR_MODELS, 0.7)
    ]
    return f"of {len(ids)} models the nearest are: {', '.join(near)}" if near else f"there are {len(ids)} others"


def parse_version(model: str) -> tuple[str, int]:
    """Return name and version of `name@version`. Raises InvalidInput for all else, `name` alone included."""
    name, version = parse_model(model)
    if version is None:
        raise InvalidInput("model", "name one version, as name@version")
    return name, version
