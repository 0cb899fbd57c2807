"""Explanation of what a network does as it reads: gates open and closed, and units saturated.

`explain_tokens` says it for each token of a text, `explain_state` what a state alone can tell; both give JSON-ready
data. A gate is an activation per unit of a layer; told are its mean over the units, and the shares of units for which
it stands open (above 0.9) and closed (below 0.1).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from models.model import Floats, TokenIds
from models.neural.cells import GATES, Vectors, Weights, read_tokens
from models.neural.config import NetworkKind, RecurrentConfig

OPEN, CLOSED = 0.9, 0.1
"""Activations from which a gate counts as open, and up to which as closed."""
SATURATED = 0.9
"""Size from which a unit of tanh counts as saturated: its slope 1 - h^2 is below 0.19 there."""
_DIGITS = 4
"""Decimals in an explanation."""
Figures: TypeAlias = dict[str, Any]

EQUATIONS: dict[NetworkKind, str] = {
    "lstm": "c' = f c + i g, h' = o tanh(c') with the gates input i, forget f and output o (Gers et al. 2000)",
    "gru": "h' = (1 - z) n + z h with the update gate z, as Cho et al. 2014 write it: open, it keeps the old vector. "
    "Chung et al. 2014 and others write h' = (1 - z) h + z n: there its mean is one minus this one, and open and "
    "closed change places. The reset gate r is the same in both: n = tanh(W x + b + r (U h + d))",
    "rnn": "h' = f(W x + U h + b): no gates",
    "feedforward": "h = f(W x + b) over the window's vectors x: no gates",
}
"""Equations that the figures are of."""


def explain_tokens(config: RecurrentConfig, weights: Weights, state: Vectors, tokens: TokenIds) -> Figures:
    """Return what each layer does at each of `tokens` [T], read from a one-row `state`.

    `tokens` lists them: each has its `token` id, and for each of the `layers` every gate's `mean`, `open` and `closed`,
    the L2 norm of its vectors, and for units of tanh or relu without gates the share that is `saturated` or `inactive`.
    """
    readings = read_tokens(config, weights, state, tokens)
    rows = [
        {"token": token, "layers": [_layer_figures(config, r.vectors[t], _at(r.gates, t)) for r in readings]}
        for t, token in enumerate(tokens.tolist())
    ]
    thresholds = {"open_above": OPEN, "closed_below": CLOSED} if GATES[config.kind] else {}
    return {"kind": config.kind, "equations": EQUATIONS[config.kind], **thresholds, "tokens": rows}


def explain_state(config: RecurrentConfig, state: Vectors) -> Figures:
    """Return norms, and shares of saturated or inactive units, of each layer's vectors in a one-row state."""
    layers = [tuple(vectors[0, i] for vectors in state) for i in range(config.layers)]
    return {"kind": config.kind, "layers": [_layer_figures(config, vectors, {}) for vectors in layers]}


def _at(gates: dict[str, Floats], t: int) -> dict[str, Floats]:
    """Return the activations [H] of each gate at token t."""
    return {name: activations[t] for name, activations in gates.items()}


def _layer_figures(config: RecurrentConfig, vectors: Vectors, gates: dict[str, Floats]) -> Figures:
    """Return the figures of one layer at one token."""
    figures: Figures = {name: gate_shares(activations) for name, activations in gates.items()}
    figures["hidden_norm"] = _rounded(np.linalg.norm(vectors[0]))
    if config.kind == "lstm":
        figures["cell_norm"] = _rounded(np.linalg.norm(vectors[1]))
    elif config.kind != "gru" and config.nonlinearity == "tanh":
        figures["saturated"] = _rounded((np.abs(vectors[0]) > SATURATED).mean())
    elif config.kind != "gru":
        figures["inactive"] = _rounded((vectors[0] == 0).mean())
    return figures


def gate_shares(activations: Floats) -> dict[str, float | None]:
    """Return the mean of a gate's activations [H], and the shares of units that are open and closed."""
    shares = {"mean": activations.mean(), "open": (activations > OPEN).mean(), "closed": (activations < CLOSED).mean()}
    return {name: _rounded(share) for name, share in shares.items()}


def _rounded(value: np.floating) -> float | None:
    """Return a number with four decimals; None where it is not finite, which JSON cannot hold."""
    return round(float(value), _DIGITS) if np.isfinite(value) else None
