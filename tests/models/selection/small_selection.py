"""Selection of a file in small blocks, for a process of its own that a test kills: FILE OUTPUT."""

import sys
from pathlib import Path

import pytest

from models.ngram.config import NgramConfig
from models.ngram.model import NgramModel
from models.ngram.smoothing.estimator import estimate_from_tokens
from models.selection import selection, sources
from models.selection.config import SelectionConfig
from models.selection.measures import LanguageModelMeasure
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

TEXT = "the cat saw a bird .\nthe dog saw the cat .\na bird saw the old dog .\n"


def select_small(path: Path, output: Path) -> None:
    """Keep two fifths of the records of a file, in blocks of 2,000 bytes."""
    config, ngram = SelectionConfig(highest=40), NgramConfig(order=2)
    tokenizer = Tokenizer.train(TokenizerConfig(), [TEXT])
    model = NgramModel(ngram, estimate_from_tokens(ngram, tokenizer.encode(TEXT).ids, tokenizer.vocabulary_size))
    measure = LanguageModelMeasure(model, tokenizer, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "BLOCK_BYTES", 2000)
        patch.setattr(sources, "_READ_BYTES", 1000)
        run_to_completion(selection.select([path], measure, config, output, path.with_name("work")))


if __name__ == "__main__":
    select_small(Path(sys.argv[1]), Path(sys.argv[2]))
