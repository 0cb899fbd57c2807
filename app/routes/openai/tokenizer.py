"""Routes /tokenize, /detokenize and /tokenizer_info, as vLLM has them, also under /m/{model}.

Evaluation harnesses ask a server for its tokens by these, so that they need no copy of a tokenizer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Query, Request

from app.http.declared_errors import raises
from app.http.responses import OrjsonResponse
from app.routes.dependencies import MODEL_ERRORS, InjectedModelRequest, ModelRequest, build_model_request
from app.routes.openai.special_strings import decode_with_special, encode_with_special
from app.routes.router import resource_router
from app.schemas.openai.logprobs import token_name
from app.schemas.openai.tokenizer import (
    DetokenizeAnswer,
    DetokenizeRequest,
    ModelDetokenizeRequest,
    ModelTokenizeRequest,
    TokenizeAnswer,
    TokenizeRequest,
    TokenizerInfo,
)
from models.errors import InvalidText
from models.inference.prefill import Ids
from models.special_tokens import EOS, UNK
from models.tokenization.tokenizer import Tokenizer

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
INLINE_SIZE = 20_000
"""Characters or ids that are converted in the event loop's thread: about a millisecond; more go to another thread."""
router = resource_router("tokenizer")
ModelQuery = Annotated[
    str, Query(description="The model: `name`, `name@version`, or an alias.", examples=["gutenberg-kn"])
]


@router.post("/tokenize", response_model=TokenizeAnswer, summary="Tokenize a text")
@raises(*MODEL_ERRORS, InvalidText)
async def tokenize(request: Request, body: TokenizeRequest) -> OrjsonResponse:
    """Give the token ids of a text, as `prompt` of `/v1/completions` takes them."""
    return await _tokenize(await build_model_request(request, body.model), body)


@router.post("/m/{model}/tokenize", response_model=TokenizeAnswer, summary="Tokenize with the model of the path")
@raises(InvalidText)
async def tokenize_for_model(request: InjectedModelRequest, body: ModelTokenizeRequest) -> OrjsonResponse:
    """Give the token ids of a text as `/tokenize` does, with the model of the path."""
    return await _tokenize(request, body)


@router.post("/detokenize", response_model=DetokenizeAnswer, summary="Write token ids as text")
@raises(*MODEL_ERRORS)
async def detokenize(request: Request, body: DetokenizeRequest) -> OrjsonResponse:
    """Give the text of token ids."""
    return await _detokenize(await build_model_request(request, body.model), body)


@router.post("/m/{model}/detokenize", response_model=DetokenizeAnswer, summary="Detokenize with the model of the path")
async def detokenize_for_model(request: InjectedModelRequest, body: ModelDetokenizeRequest) -> OrjsonResponse:
    """Give the text of token ids as `/detokenize` does, with the model of the path."""
    return await _detokenize(request, body)


@router.get("/tokenizer_info", response_model=TokenizerInfo, summary="Describe a tokenizer")
@raises(*MODEL_ERRORS)
async def describe_tokenizer(request: Request, model: ModelQuery) -> OrjsonResponse:
    """Describe the tokenizer of a model: its special tokens and its size."""
    return _describe(await build_model_request(request, model))


@router.get("/m/{model}/tokenizer_info", response_model=TokenizerInfo, summary="Describe the tokenizer of the path")
async def describe_tokenizer_of_model(request: InjectedModelRequest) -> OrjsonResponse:
    """Describe the tokenizer of the model of the path."""
    return _describe(request)


async def _tokenize(request: ModelRequest, body: TokenizeRequest) -> OrjsonResponse:
    tokenizer, names = request.checkpoint.tokenizer, request.checkpoint.tokenizer.names
    found = await _run(len(body.prompt), encode_with_special, tokenizer, body.prompt)
    ids = [EOS, *found.tolist()] if body.add_special_tokens else found.tolist()
    content = {
        "model": request.served.id,
        "count": len(ids),
        "max_model_len": request.settings.max_prompt_tokens,
        "tokens": ids if names.public_ids is None else [names.public_id(token) for token in ids],
    }
    if body.return_token_strs:
        content["token_strs"] = [token_name(names, token) for token in ids]
    return OrjsonResponse(content)


async def _detokenize(request: ModelRequest, body: DetokenizeRequest) -> OrjsonResponse:
    tokenizer = request.checkpoint.tokenizer
    ids: Ids = tokenizer.internal_ids(body.tokens)
    text = await _run(len(ids), decode_with_special, tokenizer, ids)
    return OrjsonResponse({"model": request.served.id, "prompt": text})


async def _run(
    size: int, convert: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Return what `convert` makes of something of this size, long work in another thread."""
    if size <= INLINE_SIZE:
        return convert(*args, **kwargs)
    return await asyncio.to_thread(convert, *args, **kwargs)


def _describe(request: ModelRequest) -> OrjsonResponse:
    tokenizer: Tokenizer = request.checkpoint.tokenizer
    names = tokenizer.names
    return OrjsonResponse(
        {
            "model": request.served.id,
            "tokenizer_class": tokenizer.config.kind,
            "vocab_size": tokenizer.vocabulary_size,
            "model_max_length": request.settings.max_prompt_tokens,
            "bos_token": names.boundary,
            "eos_token": names.boundary,
            "unk_token": names.texts[UNK],
            "pad_token": None,
            "chat_template": None,
        }
    )
