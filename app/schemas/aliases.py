"""Requests and answers about aliases, and about models that are deleted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.schemas.base import RequestBody, ResponseBody


class AliasRequest(RequestBody):
    """What an alias is to mean."""

    model: str = Field(description="One version of a model, as `name@version`.", examples=["my-model@3"])


class AliasAnswer(ResponseBody):
    """An alias."""

    id: str = Field(description="The alias.", examples=["production"])
    object: Literal["alias"] = Field(description="Always `alias`.")
    model: str = Field(description="What it means, as `name@version`.", examples=["my-model@3"])
    updated_at: int = Field(description="When it was last changed, in seconds since 1970.")


class AliasList(ResponseBody):
    """All aliases, by name."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[AliasAnswer] = Field(description="The aliases.")
    has_more: bool = Field(description="Always false: the list is whole.")


class AliasDeleted(ResponseBody):
    """An alias that is gone."""

    id: str = Field(description="The alias.")
    object: Literal["alias"] = Field(description="Always `alias`.")
    deleted: Literal[True] = Field(description="Always true.")


class ModelDeleted(ResponseBody):
    """A model that is gone."""

    id: str = Field(description="`name@version`.")
    object: Literal["model"] = Field(description="Always `model`.")
    deleted: Literal[True] = Field(description="Always true.")
