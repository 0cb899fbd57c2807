"""Request and response bodies of filling in blanks, and of pseudo-log-likelihoods."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.schemas.base import (
    LOGPROB_FIELD,
    MODEL_FIELD,
    ZERO_FIELD,
    ItemError,
    RequestBody,
    ResponseBody,
    SourceTexts,
    Text,
    logprob_fields,
)
from app.schemas.limits import limited_by, matching
from models.tasks.fill_in.query import FilledText, Filling, FillQuery

_DEFAULTS = FillQuery()


class FillRequest(RequestBody):
    """Request for the words in the blanks of texts."""

    text: SourceTexts = Field(
        description="A text, or several, each on its own, with one to eight blanks: `___`, three underscores or more, "
        "in the place of a word.",
        examples=["I bought a ___ bear for the children ."],
        json_schema_extra=matching(r"(^|\s)___+(\s|$)"),
    )
    candidates: list[Text] = Field(
        default_factory=list,
        description="Words for each blank to choose from, of at most 100 characters; unset: the whole vocabulary.",
        examples=[["big", "little", "white"]],
        json_schema_extra=limited_by("max_texts"),
    )
    top_k: int = Field(
        _DEFAULTS.top_k, ge=0, description="How many of the most probable fillings; 0: all.", examples=[5]
    )
    shortlist: int = Field(
        _DEFAULTS.shortlist,
        ge=0,
        description="Where no candidates are given, how many words, the most probable after what stands on the left, a "
        "recurrent language model scores with what stands on the right; 0: all. Other models score all.",
    )
    beam: int = Field(
        _DEFAULTS.beam,
        ge=1,
        le=1000,
        description="How many fillings of the blanks so far are kept from one blank to the next.",
    )

    def query(self) -> FillQuery:
        """Return the request as the library has it. Raises InvalidInput."""
        return FillQuery(self.top_k, tuple(self.candidates), self.shortlist, self.beam)


class Blank(ResponseBody):
    """A blank of a text."""

    begin: int = Field(description="Position of its first character in the text, from 0.")
    end: int = Field(description="Position after its last character.")


class RankedFilling(ResponseBody):
    """A word for each blank."""

    words: list[str] = Field(description="The words, one for each blank.", examples=[["teddy"]])
    oov: list[bool] = Field(description="Whether each is out of the vocabulary; it was judged as `<unk>` then.")
    text: str = Field(description="The text with these words in its blanks.")
    probability: float = Field(description="Probability among all fillings considered, which sum to one.")
    logprob: float | None = LOGPROB_FIELD
    zero_probability: bool | None = ZERO_FIELD
    text_logprob: float | None = Field(
        None, description="Natural logarithm of the probability of the whole text; of language models only."
    )


class FillResult(ResponseBody):
    """The fillings of one text."""

    blanks: list[Blank] = Field(description="Where the blanks are.")
    fillings: list[RankedFilling] = Field(description="The most probable fillings, best first.")
    considered: int = Field(description="Count of fillings that were compared.")
    exact: bool = Field(description="Whether those are all that there are: neither shortlist nor beam left any out.")


class FillAnswer(ResponseBody):
    """Fillings of the texts."""

    model: str = MODEL_FIELD
    results: list[FillResult | ItemError] = Field(description="One for each text, in their order.")


def fill_content(result: FilledText) -> dict[str, Any]:
    """Return the JSON content of a filled text. Raises ModelFailed for NaN."""
    return {
        "blanks": [{"begin": begin, "end": end} for begin, end in result.blanks],
        "fillings": [_filling_content(result, filling) for filling in result.fillings],
        "considered": result.considered,
        "exact": result.exact,
    }


def _filling_content(result: FilledText, filling: Filling) -> dict[str, Any]:
    content: dict[str, Any] = {"words": filling.words, "oov": filling.oov, "text": result.with_filling(filling)}
    content |= {"probability": filling.probability} | logprob_fields(filling.logprob)
    if filling.text_logprob is not None:
        content["text_logprob"] = logprob_fields(filling.text_logprob)["logprob"]
    return content


class PseudoLogprobRequest(RequestBody):
    """Request for the pseudo-log-likelihoods of texts."""

    text: SourceTexts = Field(
        description="A text, or several, each on its own.",
        examples=[["the old man sat by the fire", "the old man sat by the why"]],
    )
    tokens: bool = Field(False, description="Whether to tell of each token.", examples=[True])


class PseudoToken(ResponseBody):
    """A token with its probability given all others."""

    token: str = Field(description="The token as it stands in the text.")
    oov: bool = Field(description="Whether it is out of the vocabulary; it was judged as `<unk>` then.")
    pseudo_logprob: float | None = Field(description="log P(token | all other tokens) in nats; null for zero.")


class PseudoLogprobResult(ResponseBody):
    """The pseudo-log-likelihood of one text."""

    pseudo_logprob: float | None = Field(
        description="Sum over the tokens of log P(token | all other tokens), in nats; null where one is impossible."
    )
    pseudo_perplexity: float | None = Field(
        description="exp of its negative mean; null without a token, or where it is infinite."
    )
    token_count: int = Field(description="Tokens of the text; its end is not counted.")
    oov_count: int = Field(description="Count of tokens that are out of the vocabulary.")
    tokens: list[PseudoToken] | None = Field(None, description="Each token, where asked for.")


class PseudoLogprobAnswer(ResponseBody):
    """Pseudo-log-likelihoods of the texts."""

    model: str = MODEL_FIELD
    results: list[PseudoLogprobResult | ItemError] = Field(description="One for each text, in their order.")
