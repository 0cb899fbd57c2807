"""Route POST /m/{model}/heuristics: a gibberish check in the shape of NeMo Guardrails."""

from __future__ import annotations

from typing import Any

from app.http.declared_errors import raises
from app.http.responses import OrjsonResponse
from app.routes.dependencies import WORK_ERRORS, InjectedModelRequest
from app.routes.router import resource_router
from app.schemas.trades.heuristics import HeuristicsAnswer, HeuristicsRequest, score_fields
from models.evaluation.gibberish import score_gibberish
from models.evaluation.gibberish_scores import LP_THRESHOLD, PS_PPL_THRESHOLD, TEXTS_SCORED, GibberishScores

router = resource_router("score", "/m")


@router.post("/{model}/heuristics", response_model=HeuristicsAnswer, summary="Check a prompt for gibberish")
@raises(*WORK_ERRORS)
async def check_heuristics(request: InjectedModelRequest, body: HeuristicsRequest) -> OrjsonResponse:
    """Tell whether a prompt looks like gibberish, as NeMo Guardrails asks with `server_endpoint`.

    Perplexities are those of the model, not of GPT-2: thresholds have to be found for it (`nextword calibrate`).
    Attacks in fluent language pass.
    """
    language_model, tokenizer = request.checkpoint.language_model, request.checkpoint.tokenizer
    work = score_gibberish(language_model, tokenizer, body.prompt, body.window, request.runtime)
    scores = await request.run(work, TEXTS_SCORED * request.estimate_tokens([body.prompt]))
    verdict = _verdict(scores, body)
    content = {"jailbreak": any(verdict[name] for name in _CHECKS if name in verdict), **verdict}
    return OrjsonResponse(request.served.answer_fields | content | {"scores": score_fields(scores)})


_CHECKS = "length_per_perplexity", "prefix_suffix_perplexity", "window_perplexity"


def _verdict(scores: GibberishScores, body: HeuristicsRequest) -> dict[str, Any]:
    """Return what each check says, and the thresholds; nothing is reported of a prompt that is too short."""
    lp_threshold = LP_THRESHOLD if body.lp_threshold is None else body.lp_threshold
    ps_ppl_threshold = PS_PPL_THRESHOLD if body.ps_ppl_threshold is None else body.ps_ppl_threshold
    verdict: dict[str, Any] = {
        "length_per_perplexity": scores.length_per_perplexity >= lp_threshold,
        "prefix_suffix_perplexity": scores.prefix_suffix_perplexity >= ps_ppl_threshold,
        "lp_threshold": lp_threshold,
        "ps_ppl_threshold": ps_ppl_threshold,
        "window": body.window,
    }
    if body.window_ppl_threshold is not None:
        verdict["window_perplexity"] = scores.window_perplexity >= body.window_ppl_threshold
        verdict["window_ppl_threshold"] = body.window_ppl_threshold
    return verdict
