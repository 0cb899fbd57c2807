"""Tokenizer of a published model as a folder that `transformers` reads: `write_transformers_folder`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.errors import InvalidInput
from models.tokenization.tokenizer import Tokenizer
from models.utils.files import write_atomically


def write_transformers_folder(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` into `folder`, which is made if it is not there.

    Raises InvalidInput for a tokenizer that `tokenizers` cannot express, and where the folder cannot be written.
    """
    files = {"tokenizer.json": tokenizer.pipeline_document(), "tokenizer_config.json": _config(tokenizer)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with write_atomically(folder / name) as temporary:
                temporary.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput("folder", f"{folder} cannot be written ({error.strerror})") from None


def _config(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the settings of a fast tokenizer: texts begin and end at the boundary."""
    names = tokenizer.special_names()
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": names.are_text,
        "unk_token": names.unknown,
        "bos_token": names.boundary,
        "eos_token": names.boundary,
    }
    return {key: value for key, value in config.items() if value is not None}
