"""A word that is being typed: its left context, its keystrokes, and their automaton."""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import InvalidInput
from models.inference.typing.keystrokes import KeystrokeAutomaton, certain_keystrokes, in_both_cases
from models.inference.typing.left_context import LeftContext, WordTokens
from models.inference.typing.query import MAX_TYPED, CompletionQuery, Keystroke
from models.tokenization.continuations.spelling_table import is_mark
from models.tokenization.tokenizer import Tokenizer

MAX_HEALED = 2 * MAX_TYPED
"""Characters of a word of which some stand at the end of the context and the others in the prefix."""


class TypedWord:
    """Left context and keystrokes of a query, in the tokens of one tokenizer.

    >>> from models.tokenization.config import TokenizerConfig
    >>> tokenizer = Tokenizer(TokenizerConfig(lowercase=True), ["<unk>", "</s>", "do", "don"])
    >>> typed = TypedWord(tokenizer, "I ", CompletionQuery("Do"))
    >>> typed.left.read, typed.text, typed.automaton.weigh(b"don")
    ('I', 'do', 0.0)
    """

    def __init__(self, tokenizer: Tokenizer, context: str, query: CompletionQuery, *, heal: bool = False) -> None:
        """Part the context from the word; `heal`: its unfinished last word was typed as well.

        Raises InvalidInput for a last word of more than MAX_HEALED characters.
        """
        self._punctuation = query.punctuation
        self.words = WordTokens(tokenizer)
        self.left: LeftContext = self.words.split(context, query.prefix, heal=heal)
        if len(self.left.prefix) > MAX_HEALED:  # each is a position of the automaton, and a step of the search
            length = len(self.left.prefix)
            raise InvalidInput("context", f"the unfinished word has at most {MAX_HEALED} characters, not {length}")
        self.keystrokes = _find_keystrokes(tokenizer, self.left.prefix, query)
        self.automaton = KeystrokeAutomaton(
            self.keystrokes, has_blanks=self.words.has_blanks, begins_with_blank=self.left.begins_with_blank
        )

    @property
    def ends_at_marks(self) -> bool:
        """Whether words end where punctuation begins; some that was typed is part of a word."""
        return not (
            self._punctuation
            or any(is_mark(character) for keys in self.keystrokes for form in keys for character in form)
        )

    @property
    def text(self) -> str:
        """The letters that were meant most probably by each key alone."""
        return "".join(max(keystroke, key=keystroke.__getitem__) for keystroke in self.keystrokes)


def _find_keystrokes(tokenizer: Tokenizer, prefix: str, query: CompletionQuery) -> Sequence[Keystroke]:
    """Return all that was typed as keystrokes, with letters as tokens write them."""
    typed: list[Keystroke] = [*certain_keystrokes(prefix)]
    for keystroke in query.keystrokes:
        forms: dict[str, float] = {}
        for letter, probability in keystroke.items():
            form = tokenizer.continuations.fold(letter) or letter
            forms[form] = max(probability, forms.get(form, 0.0))
        typed.append(forms)
    return [in_both_cases(keystroke) for keystroke in typed] if query.ignore_case else typed
