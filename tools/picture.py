"""The picture of Nextword at work: next words of three models, and a text with its probabilities.

`python -m tools.picture` asks a service with the shipped models and writes docs/assets/at-work.svg. An SVG of our own
needs no plotting library, and its text stays text.
"""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tools.readme import running_service

PICTURE = Path("docs/assets/at-work.svg")
CONTEXT = "It was a very"
PROMPT = "The captain"
MODELS = ("gutenberg-kn", "gutenberg-lstm", "gutenberg-mix")
WRITER = "gutenberg-lstm"
WIDTH, COLUMN, ROW = 880, 282, 26
LINE_CHARACTERS, CHARACTER = 84, 9.9
"""Characters on a line of the generated text, and the width of one in pixels at 16.5 pixels a letter."""


def main() -> None:
    """Ask the models and draw the picture."""
    with running_service() as address:
        columns = {model: _ask(address, model, "next", {"context": CONTEXT, "top_k": 6})["next"] for model in MODELS}
        body = {"prompt": PROMPT, "max_tokens": 60, "temperature": 0.7, "seed": 7, "ignore_end": True}
        choice = _ask(address, WRITER, "generate", body)["choices"][0]
    PICTURE.write_text(draw(columns, choice["text"], choice["tokens"]), encoding="utf-8")


def _ask(address: str, model: str, route: str, body: dict[str, Any]) -> dict[str, Any]:
    request = Request(
        f"http://{address}/v1/models/{model}/{route}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def draw(columns: dict[str, list[dict[str, Any]]], text: str, tokens: list[dict[str, Any]]) -> str:
    """Return the picture as SVG: a column of bars for each model, and the generated text below them."""
    parts = [_title(20, 34, f"{CONTEXT} …", "the next word, by three models")]
    for i, (model, words) in enumerate(columns.items()):
        parts += _bars(20 + i * COLUMN, 62, model, words)
    top = 62 + ROW * 7 + 24
    parts.append(_title(20, top, f"{PROMPT} …", f"goes on, by {WRITER}; the darker, the surer"))
    lines = _wrap(_pieces(text, tokens))
    parts += [part for i, line in enumerate(lines) for part in _line(20, top + 32 + 28 * i, line)]
    height = top + 32 + 28 * len(lines)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-size="15" '
        'font-family="ui-sans-serif, system-ui, sans-serif" role="img">\n'
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#fbfbf8"/>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def _title(x: float, y: float, bold: str, rest: str) -> str:
    return (
        f'<text x="{x}" y="{y}" fill="#333"><tspan font-weight="700">{escape(bold)}</tspan>'
        f'<tspan dx="10" fill="#777">{escape(rest)}</tspan></text>'
    )


def _bars(x: float, y: float, model: str, words: list[dict[str, Any]]) -> list[str]:
    largest = max(word["probability"] for word in words)
    parts = [f'<text x="{x}" y="{y + 12}" fill="#2b5c8a" font-family="ui-monospace, monospace">{model}</text>']
    for i, word in enumerate(words, start=1):
        row, width = y + ROW * i, 120 * word["probability"] / largest
        parts.append(f'<rect x="{x + 92}" y="{row}" width="{width:.1f}" height="16" rx="2" fill="#6fa3cf"/>')
        parts.append(f'<text x="{x + 84}" y="{row + 13}" text-anchor="end" fill="#222">{escape(word["token"])}</text>')
        share = f"{word['probability']:.1%}"
        parts.append(f'<text x="{x + 98 + width:.1f}" y="{row + 13}" fill="#777" font-size="12">{share}</text>')
    return parts


def _pieces(text: str, tokens: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Cut the text into its tokens, with the blanks before each, and their probabilities."""
    pieces, at = [], 0
    for token in tokens:
        begin = text.find(token["token"], at)
        if begin < 0:  # written differently than it is called, a quotation mark for instance
            continue
        end = begin + len(token["token"])
        pieces.append((text[at:end], math.exp(token["logprob"])))
        at = end
    return pieces


def _wrap(pieces: list[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    lines: list[list[tuple[str, float]]] = [[]]
    length = 0
    for piece, probability in pieces:
        if length + len(piece) > LINE_CHARACTERS:
            lines.append([])
            piece, length = piece.lstrip(), 0
        lines[-1].append((piece, probability))
        length += len(piece)
    return lines


def _line(x: float, y: float, pieces: list[tuple[str, float]]) -> list[str]:
    parts, at = [], 0
    for piece, probability in pieces:
        word = piece.lstrip()
        begin = x + CHARACTER * (at + len(piece) - len(word))
        parts.append(
            f'<rect x="{begin - 2:.1f}" y="{y - 16}" width="{CHARACTER * len(word) + 4:.1f}" height="22" rx="3" '
            f'fill="#4b8b5a" fill-opacity="{0.08 + 0.6 * probability:.2f}"/>'
            f'<text x="{begin:.1f}" y="{y}" font-size="16.5" font-family="ui-monospace, monospace" '
            f'textLength="{CHARACTER * len(word):.1f}" fill="#1b2b1f">{escape(word)}</text>'
        )
        at += len(piece)
    return parts


if __name__ == "__main__":
    main()
