"""Base classes of request and response bodies, and fields that several share.

Limits that depend on settings are checked by the routes. Responses are built as plain dictionaries; their classes
document them and tests validate them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator
from pydantic.functional_validators import AfterValidator, WrapValidator
from pydantic_core import PydanticCustomError

from app.core.exceptions import ModelFailed
from app.schemas.items import EachItem, Items
from app.schemas.limits import limited_by
from models.tokenization.raw_text import clean

LARGEST_INTEGER = 2**63 - 1
"""Largest number that a column of the database or an array of ids holds."""


class RequestBody(BaseModel):
    """Base of request bodies: unknown fields, strings in place of numbers and NaN are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class JobBody(RequestBody):
    """Base of the requests of jobs, with the ids of the files that a kind of job reads."""

    @field_validator("*")
    @classmethod
    def _require_unicode_throughout(cls, value: Any) -> Any:
        """Refuse half a surrogate pair anywhere in a field: requests are stored, and told again."""
        for text in _texts_in(value):
            _require_unicode(text)
        return value

    @property
    def training_files(self) -> list[str]:
        """Ids of the files to learn from or to import, in order."""
        return []

    @property
    def more_files(self) -> dict[str, str]:
        """Ids of files beside the first of those and the one to measure on, by field."""
        return {}


class QueryParameters(BaseModel):
    """Base of query parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class ResponseBody(BaseModel):
    """Base of response bodies, which document the dictionaries that routes return.

    Their validators are built when the document is, or when a route has FastAPI write its answer.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)


def described_as(accepted: str) -> WrapValidator:
    """Return a validator that reports one sentence, where pydantic would report each branch of a union."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            raise PydanticCustomError("not_accepted", "must be {accepted}", {"accepted": accepted}) from error

    return WrapValidator(validate)


def _require_unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PydanticCustomError("half_character", "must be Unicode; half a surrogate pair is none") from error
    return text


def _texts_in(value: Any) -> Iterator[str]:
    """Yield the strings of parsed JSON, names of fields among them."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            rest += [*item, *item.values()]
        elif isinstance(item, list | tuple):
            rest += item


SourceText = Annotated[str, AfterValidator(_require_unicode)]
"""A Unicode string as it was sent: JSON's escapes can also write half a surrogate pair, which is refused."""
Text = Annotated[SourceText, AfterValidator(clean)]
"""A Unicode string as tokenizers read it: without a byte order mark, with newlines of one kind."""
_ACCEPTED_TEXTS = described_as("a string, or a list of at least one string, in Unicode")
_LIMITED = Field(json_schema_extra=limited_by("max_texts"))
Texts = Annotated[Text | Annotated[Items[str], EachItem(Text), _LIMITED], _ACCEPTED_TEXTS]
"""One text or several, each judged by itself."""
SourceTexts = Annotated[SourceText | Annotated[Items[str], EachItem(SourceText), _LIMITED], _ACCEPTED_TEXTS]
"""One text or several as they were sent, for answers that tell where in a text something stands."""
MODEL_FIELD = Field(description="The model that answered, as `name@version`.", examples=["gutenberg-kn@1"])
NORMALIZED_FIELD = Field(
    None,
    description="Present and false where the model was imported though some of its distributions do not sum to one.",
)
LOGPROB_FIELD = Field(description="Natural logarithm of the probability (nats); null where the probability is zero.")
ZERO_FIELD = Field(None, description="Present and true where the probability is exactly zero (`logprob` is null then).")
UNDEFINED_FIELD = Field(
    None,
    description="Present and true where the context never occurred in the training text of a model without smoothing "
    "(`mle`): c(h) is 0 and c(h w) / c(h) undefined. The longest shorter context that did occur answers instead.",
)
BYTES_FIELD = Field(
    None, description="Its bytes, where it is no whole characters alone; U+FFFD stands for them in `token`."
)
BOS_FIELD = Field(
    True,
    description="Whether the context begins a line; false: it begins nowhere in particular, for a recurrent model "
    "after one step on an input vector of zeros.",
)

ERROR_COUNT_FIELD = Field(
    None, description="How many texts have an `error` in the place of figures and are not in these; absent for none."
)


def logprob_fields(logprob: float) -> dict[str, Any]:
    """Return the fields for a log-probability in nats; -inf, which JSON lacks, is null with a mark.

    Raises ModelFailed for NaN and +inf.
    """
    if logprob == -math.inf:
        return {"logprob": None, "zero_probability": True}
    if not logprob < math.inf:
        raise ModelFailed from ArithmeticError(f"the model gave the log-probability {logprob}")
    return {"logprob": logprob}


class NamedToken(ResponseBody):
    """A token by its text and id."""

    token: str = Field(description="Its readable text; part of a word may begin with a blank.", examples=["the"])
    id: int = Field(description="Its id in the tokenizer's file.", examples=[4])
    bytes: list[int] | None = BYTES_FIELD


class Token(NamedToken):
    """A token with its probability after what came before."""

    logprob: float | None = LOGPROB_FIELD
    zero_probability: bool | None = ZERO_FIELD


class ContextToken(ResponseBody):
    """A token of the context."""

    token: str = Field(description="The token as it stands in the text.", examples=["the"])
    id: int = Field(description="Its id; that of `<unk>` for a word that the vocabulary lacks.", examples=[4])
    bytes: list[int] | None = BYTES_FIELD
    oov: bool = Field(description="Whether it is out of the vocabulary.")


class ErrorDetail(ResponseBody):
    """Description of an error."""

    message: str = Field(description="For a human: what is wrong and what is accepted.")
    type: str = Field(description="Kind of error.", examples=["invalid_request_error"])
    param: str | None = Field(description="The field at fault, dotted where nested; null if no single field is.")
    code: str = Field(description="For a program: the error's fixed name.", examples=["invalid_input"])


class ItemError(ResponseBody):
    """Result of an item that is not acceptable, or that nothing could be computed for."""

    error: ErrorDetail = Field(description="Description of the error; `param` names the item, from 0.")


class ErrorAnswer(ResponseBody):
    """Body of every error response."""

    error: ErrorDetail = Field(description="Description of the error.")
