"""torchaudio's `ctc_decoder`, unmodified, finds with our models what brute force finds.

It needs `torchaudio` and `flashlight-text`: in this environment, or in that of the Python that
NEXTWORD_FLASHLIGHT_PYTHON names.
"""

import numpy as np
import pytest

import nextword
from tests.nextword.decoders.conftest import TOKENS, WORDS, collapse, decode, log_sum, run_elsewhere, text_logprob

WEIGHT = 1.3
PROGRAM = """
import json, sys
import torch
import nextword
from nextword.decoders.spelling import spell_tokens, spell_words
from nextword.decoders.torchaudio import TorchaudioLM, lexicon_words
from torchaudio.models.decoder import ctc_decoder
path, lexicon, tokens, emission, weight, in_parts = map(json.loads, sys.argv[1:])
checkpoint = nextword.load(path, precision="int8")
words = lexicon_words(lexicon) if lexicon else None
spellings = spell_words(checkpoint.tokenizer, words) if words else spell_tokens(checkpoint.tokenizer, tokens)
lm = TorchaudioLM(checkpoint.language_model, spellings)
decoder = ctc_decoder(
    lexicon=lexicon, tokens=tokens, lm=lm, lm_weight=weight, nbest=5, beam_size=10000, beam_threshold=1e9, log_add=True
)
if words:
    assert words == [decoder.word_dict.get_entry(i) for i in range(decoder.word_dict.index_size())]
emission = torch.tensor(emission)
if in_parts:
    decoder.decode_begin()
    for part in emission.split(2):
        decoder.decode_step(part.contiguous())
    decoder.decode_end()
    hypotheses = decoder.get_final_hypothesis()
else:
    hypotheses = decoder(emission[None])[0]
texts = [h.words if words else decoder.idxs_to_tokens(h.tokens) for h in hypotheses]
print(json.dumps([[text, hypothesis.score] for text, hypothesis in zip(texts, hypotheses)]))
"""


def words_of(path):
    letters = collapse(path, before=1)
    words = tuple(letters.replace("|", " ").split())
    return words if set(words) <= set(WORDS) and (letters.endswith("|") or not words) else None


def run(path, lexicon, emission, *, in_parts=False):
    arguments = [str(path), lexicon and str(lexicon), TOKENS, emission.tolist(), WEIGHT, in_parts]
    return run_elsewhere("NEXTWORD_FLASHLIGHT_PYTHON", "torchaudio, flashlight", PROGRAM, *arguments)


@pytest.mark.clients
@pytest.mark.parametrize("in_parts", [False, True])
def test_torchaudio_decodes_words_as_brute_force_does(toy_models, emission, lexicon, in_parts):
    checkpoint = nextword.load("words", checkpoints=toy_models)
    expected = decode(emission, words_of, log_sum, lambda words: WEIGHT * text_logprob(checkpoint, " ".join(words)))
    found = run(checkpoint.path, lexicon, emission, in_parts=in_parts)
    assert [tuple(words) for words, _ in found] == [words for words, _ in expected[:5]]
    np.testing.assert_allclose([score for _, score in found], [score for _, score in expected[:5]], atol=1e-3)


@pytest.mark.clients
def test_torchaudio_decodes_letters_as_brute_force_does(toy_models, emission):
    checkpoint = nextword.load("characters", checkpoints=toy_models)

    def text_score(letters):
        return WEIGHT * text_logprob(checkpoint, letters.replace("|", " "))

    expected = decode(emission, lambda path: collapse(path, before=1), log_sum, text_score)
    found = run(checkpoint.path, None, emission)
    # The decoder puts a silence before the first frame, and one behind the last, which may be one with that of a frame.
    assert ["".join(tokens).strip("|") for tokens, _ in found] == [letters.strip("|") for letters, _ in expected[:5]]
    np.testing.assert_allclose([score for _, score in found], [score for _, score in expected[:5]], atol=1e-3)
