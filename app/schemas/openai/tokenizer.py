"""Request and response bodies of the tokenizer's routes, in the shape that vLLM's clients expect."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.schemas.base import MODEL_FIELD, RequestBody, ResponseBody, SourceText

_MODEL = Field(
    description="The model: `name` (its newest version), `name@version`, or an alias.", examples=["gutenberg-kn"]
)
_MODEL_OF_PATH = Field(None, description="Not looked at: the path names the model.", examples=["gutenberg-kn"])


class TokenizeRequest(RequestBody):
    """Request for the token ids of a text."""

    model: SourceText = _MODEL
    prompt: SourceText = Field(
        description="The text. The names of special tokens in it, such as `</s>`, stand for these tokens.",
        examples=["it was a dark night"],
    )
    add_special_tokens: bool = Field(
        True, description="Whether the ids begin with that of the boundary between texts, `</s>`.", examples=[False]
    )
    return_token_strs: bool | None = Field(False, description="Whether to show the tokens as well.", examples=[True])


class ModelTokenizeRequest(TokenizeRequest):
    """Request to the tokenizer of the model that the path names."""

    model: SourceText | None = _MODEL_OF_PATH  # type: ignore[assignment]


class TokenizeAnswer(ResponseBody):
    """Token ids of a text."""

    model: str = MODEL_FIELD
    count: int = Field(description="Count of the tokens.")
    max_model_len: int = Field(description="Most tokens of a prompt that is not only scored.")
    tokens: list[int] = Field(description="Their ids in the tokenizer's file, as `prompt` of completions takes them.")
    token_strs: list[str] | None = Field(None, description="The tokens as completions name them, where asked for.")


class DetokenizeRequest(RequestBody):
    """Request for the text of token ids."""

    model: SourceText = _MODEL
    tokens: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(
        description="Ids in the tokenizer's file.", examples=[[1, 4, 12]]
    )


class ModelDetokenizeRequest(DetokenizeRequest):
    """Request to the tokenizer of the model that the path names."""

    model: SourceText | None = _MODEL_OF_PATH  # type: ignore[assignment]


class DetokenizeAnswer(ResponseBody):
    """Text of token ids."""

    model: str = MODEL_FIELD
    prompt: str = Field(description="The text; words are joined by blanks, and punctuation to its words.")


class TokenizerInfo(ResponseBody):
    """Description of a tokenizer."""

    model: str = MODEL_FIELD
    tokenizer_class: str = Field(description="Kind of tokens: `word`, `character`, `bpe` and so on.", examples=["word"])
    vocab_size: int = Field(description="Tokens in the vocabulary.")
    model_max_length: int = Field(description="Most tokens of a prompt that is not only scored.")
    bos_token: str = Field(description="Token that a text begins with: the boundary between texts.", examples=["</s>"])
    eos_token: str = Field(description="Token that a text ends with: the same.", examples=["</s>"])
    unk_token: str = Field(description="Token for what the vocabulary lacks.", examples=["<unk>"])
    pad_token: None = Field(description="Always null: no token stands for nothing.")
    chat_template: None = Field(description="Always null: these models continue texts, and hold no conversation.")
