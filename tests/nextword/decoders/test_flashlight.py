"""flashlight's decoders, unmodified, find with our models what brute force finds.

They need `flashlight-text`: in this environment, or in that of the Python that NEXTWORD_FLASHLIGHT_PYTHON names.
"""

import numpy as np
import pytest

import nextword
from tests.nextword.decoders.conftest import TOKENS, WORDS, collapse, decode, log_sum, run_elsewhere, text_logprob

WEIGHT, WORD_SCORE, SILENCE_SCORE = 1.7, 0.3, -0.2
PROGRAM = """
import json, sys
import numpy as np
import nextword
from flashlight.lib.text import decoder, dictionary
from nextword.decoders.flashlight import FlashlightLM, lexicon_words
from nextword.decoders.spelling import spell_tokens, spell_words
path, lexicon, tokens, emission, weight, word_score, sil_score, log_add, merge = map(json.loads, sys.argv[1:])
checkpoint = nextword.load(path, precision="int8")
emission = np.array(emission, np.float32)
sizes = dict(beam_size=10000, beam_size_token=len(tokens), beam_threshold=1e9, lm_weight=weight, sil_score=sil_score)
sizes |= dict(log_add=log_add, criterion_type=decoder.CriterionType.CTC)
if lexicon:
    words = lexicon_words(lexicon)
    lm = FlashlightLM(checkpoint.language_model, spell_words(checkpoint.tokenizer, words), merge=merge)
    trie, start = decoder.Trie(len(tokens), 1), lm.start(False)
    for word, spellings in dictionary.load_words(lexicon).items():
        index = words.index(word)
        for spelling in spellings:
            trie.insert([tokens.index(token) for token in spelling], index, lm.score(start, index)[1])
    trie.smear(decoder.SmearingMode.MAX)
    options = decoder.LexiconDecoderOptions(word_score=word_score, unk_score=float("-inf"), **sizes)
    search = decoder.LexiconDecoder(options, trie, lm, 1, 0, words.index("<unk>"), [], False)
else:
    lm = FlashlightLM(checkpoint.language_model, spell_tokens(checkpoint.tokenizer, tokens), merge=merge)
    search = decoder.LexiconFreeDecoder(decoder.LexiconFreeDecoderOptions(**sizes), lm, 1, 0, [])
results = search.decode(emission.ctypes.data, *emission.shape)
# The decoder puts a silence before the first frame, and one behind the last.
texts = [[words[i] for i in r.words if i >= 0] if lexicon else list(r.tokens)[1:-1] for r in results]
print(json.dumps([[text, result.score] for text, result in zip(texts, results)]))
"""


def silence_cost(path):
    return SILENCE_SCORE * path.count(TOKENS.index("|"))


def words_of(path):
    """Words of an alignment; each ends in a silence, and between them there may be more."""
    letters = collapse(path, before=1)
    words = tuple(letters.replace("|", " ").split())
    return words if letters.endswith("|") or not words else None


def run(path, lexicon, emission, *, log_add=False, merge=False):
    arguments = [str(path), lexicon and str(lexicon), TOKENS, emission.tolist(), WEIGHT, WORD_SCORE, SILENCE_SCORE]
    return run_elsewhere("NEXTWORD_FLASHLIGHT_PYTHON", "flashlight", PROGRAM, *arguments, log_add, merge)


@pytest.mark.clients
@pytest.mark.parametrize("log_add", [False, True])
@pytest.mark.parametrize("name", ["words", "characters", "pieces", "network"])
def test_flashlight_decodes_words_as_brute_force_does(toy_models, emission, lexicon, name, log_add):
    checkpoint = nextword.load(name, checkpoints=toy_models, precision="int8")

    def text_score(words):
        return WEIGHT * text_logprob(checkpoint, " ".join(words)) + WORD_SCORE * len(words)

    def read(path):
        words = words_of(path)
        return words if words is not None and set(words) <= set(WORDS) else None

    expected = decode(emission, read, log_sum if log_add else max, text_score, silence_cost)
    found = run(checkpoint.path, lexicon, emission, log_add=log_add)
    assert [tuple(words) for words, _ in found[:5]] == [words for words, _ in expected[:5]]
    np.testing.assert_allclose([score for _, score in found[:5]], [score for _, score in expected[:5]], atol=1e-3)


@pytest.mark.clients
@pytest.mark.parametrize("name", ["characters", "network"])
def test_flashlight_decodes_letters_as_brute_force_does(toy_models, emission, name):
    checkpoint = nextword.load(name, checkpoints=toy_models, precision="int8")

    def text_score(letters):
        return WEIGHT * text_logprob(checkpoint, letters.replace("|", " "))

    expected = decode(emission, lambda path: collapse(path, before=1), log_sum, text_score, silence_cost)
    found = run(checkpoint.path, None, emission, log_add=True)
    assert [collapse(tokens, before=1) for tokens, _ in found[:5]] == [letters for letters, _ in expected[:5]]
    np.testing.assert_allclose([score for _, score in found[:5]], [score for _, score in expected[:5]], atol=1e-3)


@pytest.mark.clients
def test_flashlight_merged_states_leave_the_best_text(toy_models, emission, lexicon):
    path = nextword.load("words", checkpoints=toy_models).path
    apart, merged = run(path, lexicon, emission), run(path, lexicon, emission, merge=True)
    assert merged[0] == apart[0]
    assert len(merged) < len(apart)
