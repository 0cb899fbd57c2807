"""Request and answer of the completion of typed words."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field
from pydantic.config import JsonDict

from app.schemas.base import (
    BOS_FIELD,
    LOGPROB_FIELD,
    MODEL_FIELD,
    NORMALIZED_FIELD,
    ZERO_FIELD,
    RequestBody,
    ResponseBody,
    SourceText,
    Text,
    logprob_fields,
)
from models.inference.typing.query import (
    MAX_BEAM,
    MAX_BIAS,
    MAX_EXCLUDED,
    MAX_LETTERS,
    MAX_OWN_WORDS,
    MAX_SHORTLIST,
    MAX_TOP_K,
    MAX_TYPED,
    MAX_WORDS,
    Completion,
    CompletionQuery,
    Completions,
)

MAX_RIGHT = 1000
"""Characters of the right context, which is read behind each completion."""
MAX_RECENT = 20_000
"""Characters of recent text: some 4,000 words."""
_DEFAULTS = CompletionQuery()
Letter = Annotated[SourceText, Field(min_length=1, max_length=1)]
Likelihood = Annotated[float, Field(ge=0, le=1)]
OwnWord = Annotated[SourceText, Field(min_length=1, max_length=MAX_TYPED)]
_WORD_SCHEMA: JsonDict = {"minLength": 1, "maxLength": MAX_TYPED, "pattern": r"^[^\s\x1c-\x1f\x85]+$"}
"""Own words as the document tells them; the query itself refuses one with a blank, by name."""


class CompleteRequest(RequestBody):
    """Request for the words or phrases that someone may be typing."""

    context: Text = Field(
        "", description="Text left of the word. A blank at its end makes no difference.", examples=["it was a dark and"]
    )
    prefix: Text = Field("", max_length=MAX_TYPED, description="Letters typed of the word.", examples=["st"])
    keystrokes: list[Annotated[dict[Letter, Likelihood], Field(min_length=1, max_length=MAX_LETTERS)]] = Field(
        default_factory=list,
        max_length=MAX_TYPED,
        description="Keys pressed after `prefix` on a keyboard that errs, each as P(key | letter) by letter, or any "
        "multiple of it; a letter left out was not meant. Completions come with their typing errors corrected.",
        examples=[[{"a": 0.9, "s": 0.1}]],
    )
    heal: bool = Field(
        False,
        description="Whether the unfinished last word of the context was typed as well, before `prefix`: together at "
        f"most {2 * MAX_TYPED} characters.",
    )
    ignore_case: bool = Field(False, description="Whether each letter may have been meant in the other case.")
    right: Text = Field(
        "",
        max_length=MAX_RIGHT,
        description="Text right of the word. A language model reads it behind the best completions, exactly, and "
        "leaves it out where it is impossible behind all of them; a fill-in model knows both sides at once.",
    )
    top_k: int = Field(_DEFAULTS.top_k, ge=1, le=MAX_TOP_K, description="How many completions.", examples=[3])
    words: int = Field(
        _DEFAULTS.words,
        ge=1,
        le=MAX_WORDS,
        description="Words of a completion; fewer where the line ends sooner. A token of a word model counts as one.",
    )
    beam: int = Field(
        _DEFAULTS.beam,
        ge=1,
        le=MAX_BEAM,
        description="How many beginnings of words, or of phrases, are kept from token to token; more find better ones.",
    )
    shortlist: int | None = Field(
        None,
        ge=1,
        le=MAX_SHORTLIST,
        description=f"How many completions are read together with `right`: {_DEFAULTS.shortlist} or `top_k`, if unset.",
    )
    bias: dict[OwnWord, Annotated[float, Field(ge=-MAX_BIAS, le=MAX_BIAS)]] = Field(
        default_factory=dict,
        max_length=MAX_OWN_WORDS,
        description="A user's own words, with nats added to the log-probability of each. They are considered in any "
        "case; one that the vocabulary lacks has the probability of an unknown word of this spelling.",
        examples=[{"stormy": 2}],
        json_schema_extra={"propertyNames": _WORD_SCHEMA},
    )
    exclude: list[OwnWord] = Field(
        default_factory=list,
        max_length=MAX_EXCLUDED,
        description="Words never shown, in any case of letters.",
        examples=[["strangle"]],
    )
    punctuation: bool = Field(
        True,
        description="Whether punctuation is a word, or part of the one before it, as `analyze` has it; false: words "
        "end where it begins, and `probability` is that of all words that go on with punctuation together.",
    )
    recent: Text = Field(
        "",
        max_length=MAX_RECENT,
        description="Recent text of the user: its words are likelier to come again. It is not kept.",
    )
    recent_weight: float = Field(
        0.2, ge=0, le=1, description="Share of the recent text in the probability; the model has the rest."
    )
    bos: bool = BOS_FIELD

    def query(self) -> CompletionQuery:
        """Return the request as the library has it. Raises InvalidInput."""
        return CompletionQuery(
            self.prefix,
            self.keystrokes,
            self.ignore_case,
            self.top_k,
            self.words,
            self.right,
            self.beam,
            max(_DEFAULTS.shortlist, self.top_k) if self.shortlist is None else self.shortlist,
            self.bias,
            self.exclude,
            self.punctuation,
        )


class TypedCompletion(ResponseBody):
    """A word or a phrase that may be meant."""

    text: str = Field(
        description="The whole word, what was typed included, with errors corrected.", examples=["stormy"]
    )
    probability: float = Field(
        description="P(text | context), of the model alone, as `analyze` tells its surprisal; of a fill-in model "
        "P(text | context, right)."
    )
    logprob: float | None = LOGPROB_FIELD
    zero_probability: bool | None = ZERO_FIELD
    posterior: float = Field(
        description="Probability of the text given the keys, the right context and the bias as well, among the "
        "completions considered; these sum to one."
    )
    oov: bool | None = Field(None, description="Present and true for an own word that the vocabulary lacks.")
    ends_line: bool | None = Field(None, description="Present and true where the line ends behind a phrase.")


class CompleteAnswer(ResponseBody):
    """The most probable completions of what was typed."""

    model: str = MODEL_FIELD
    normalized: bool | None = NORMALIZED_FIELD
    typed: str = Field(description="Letters typed of the word; of keystrokes, the likeliest ones.", examples=["st"])
    completions: list[TypedCompletion] = Field(description="Best first.")
    mass: float | None = Field(
        None,
        description="P(what was typed | context), summed over the completions considered; absent with a `bias`.",
    )
    considered: int = Field(description="How many completions were compared.")


def complete_content(completions: Completions, *, is_biased: bool) -> dict[str, Any]:
    """Return the JSON content of an answer."""
    content: dict[str, Any] = {
        "typed": completions.typed,
        "completions": list(map(_completion_content, completions.completions)),
        "considered": completions.considered,
    }
    return content if is_biased else content | {"mass": math.exp(completions.logprob)}


def _completion_content(completion: Completion) -> dict[str, Any]:
    content = {
        "text": completion.text,
        "probability": math.exp(completion.logprob),
        **logprob_fields(completion.logprob),
        "posterior": completion.posterior,
    }
    if completion.oov:
        content["oov"] = True
    if completion.ends_line:
        content["ends_line"] = True
    return content
