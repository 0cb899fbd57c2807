"""Language models for torchaudio's `ctc_decoder`: `TorchaudioLM`."""

from __future__ import annotations

from torchaudio.models.decoder import CTCDecoderLM, CTCDecoderLMState

from nextword.decoders.ctc import CtcLanguageModel, DecoderState
from nextword.decoders.flashlight import lexicon_words as lexicon_words


class _State(CTCDecoderLMState):
    """State of torchaudio's, with what `DecoderState` has."""

    __slots__ = ("history", "scored")


class TorchaudioLM(CtcLanguageModel, CTCDecoderLM):
    """Language model for `ctc_decoder(lm=...)`: a `CtcLanguageModel`."""

    def _new_state(self) -> DecoderState:
        state: DecoderState = _State()
        return state
