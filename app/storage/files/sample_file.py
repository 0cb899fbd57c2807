"""The sample file: a short text among the uploads of every service, for a first job at once.

It holds the first five chapters of Jane Austen's Emma (1815), which are in the public domain, a sentence a line.
"""

from __future__ import annotations

from pathlib import Path

SAMPLE_ID = "file-sample"
"""Its id, the same in every service; examples of requests name it."""
SAMPLE_PURPOSE = "sample"
"""Its purpose, which tells it from files that somebody uploaded."""
SAMPLE_TEXT = Path(__file__).with_name("emma.txt")
"""Its bytes, as this version of the program has them."""
