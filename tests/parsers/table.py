"""Table of the parsers that meet bytes from outside: `PARSERS` by name."""

from __future__ import annotations

from tests.parsers import checkpoints, counting, ngram_files, operations, requests, texts, tokenizers
from tests.parsers.parser import Parser

PARSERS: dict[str, Parser] = {
    parser.name: parser
    for module in (tokenizers, ngram_files, counting, checkpoints, texts, requests, operations)
    for parser in module.PARSERS
}
