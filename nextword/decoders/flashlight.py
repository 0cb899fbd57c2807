"""Language models for flashlight-text's decoders: `FlashlightLM`."""

from __future__ import annotations

from os import PathLike, fspath

from flashlight.lib.text.decoder import LM, LMState
from flashlight.lib.text.dictionary import create_word_dict, load_words

from nextword.decoders.ctc import CtcLanguageModel, DecoderState


class _State(LMState):
    """State of flashlight's, with what `DecoderState` has."""

    __slots__ = ("history", "scored")


class FlashlightLM(CtcLanguageModel, LM):
    """Language model for `LexiconDecoder` and `LexiconFreeDecoder`: a `CtcLanguageModel`.

    The decoder does not keep it alive: keep a reference to it as long as the decoder's.
    """

    def _new_state(self) -> DecoderState:
        state: DecoderState = _State()
        return state


def lexicon_words(lexicon: str | PathLike[str]) -> list[str]:
    """Return the words of a lexicon file, and `<unk>`, in the order in which decoders number them.

    Each line is a word and its spelling in the acoustic model's tokens, separated by blanks.
    """
    words = create_word_dict(load_words(fspath(lexicon)))
    return [words.get_entry(index) for index in range(words.index_size())]
