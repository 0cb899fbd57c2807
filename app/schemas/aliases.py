"""Request and response bodies of aliases, and of deleted models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.schemas.base import RequestBody, ResponseBody


class AliasRequest(RequestBody):
    """Model that an alias shall refer to."""

    model: str = Field(description="One version of a model, as `name@version`.", examples=["my-model@3"])


class AliasAnswer(ResponseBody):
    """An alias and the model that it refers to."""

    id: str = Field(description="The alias.", examples=["production"])
    object: Literal["alias"] = Field(description="Always `alias`.")
    model: str = Field(description="The model that it refers to, as `name@version`.", examples=["my-model@3"])
    updated_at: int = Field(description="When it was last changed, in seconds since 1970.")


class AliasList(ResponseBody):
    """List of all aliases, by name."""

    object: Literal["list"] = Field(description="Always `list`.")
    data: list[AliasAnswer] = Field(description="The aliases.")
    has_more: bool = Field(description="Always false: the list is whole.")


class AliasDeleted(ResponseBody):
    """Confirmation that an alias was deleted."""

    id: str = Field(description="The alias.")
    object: Literal["alias"] = Field(description="Always `alias`.")
    deleted: Literal[True] = Field(description="Always true.")


class ModelDeleted(ResponseBody):
    """Confirmation that a model was deleted."""

    id: str = Field(description="`name@version`.")
    object: Literal["model"] = Field(description="Always `model`.")
    deleted: Literal[True] = Field(description="Always true.")
