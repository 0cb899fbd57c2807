"""Reader of the question-answering stories of the bAbI tasks (Weston et al. 2015).

Lines are numbered, from 1 in each story. A line is a sentence, or a question, its answer and the numbers of the
sentences that support it, separated by tabs.
"""

from __future__ import annotations

import re
from pathlib import Path

from models.data.encoding_names import UTF_8
from models.data.labelled.examples import Answer, Question
from models.data.labelled.lines import check_text, fault, numbered_lines
from models.tokenization.raw_text import WHITESPACE


def read_babi(path: Path, encoding: str = UTF_8) -> list[Question]:
    """Read the questions of a file, each with the story so far as its context.

    Raises InvalidText with the first line that is wrong. The data does not say where an answer stands. It is looked for
    as a whole word in the supporting sentences, last first; an answer that none of them holds ("yes", lists, paths) has
    no place.
    """
    questions = []
    story, number = _Story(path), 0
    for line, content in numbered_lines(path, encoding):
        if not content.strip(WHITESPACE):
            continue
        digits, _, rest = content.strip(WHITESPACE).partition(" ")
        if digits not in ("1", str(number + 1)):
            message = f"must begin with the number {number + 1}, or 1 for a new story, not {digits!r:.50}"
            raise fault(path, line, message)
        number = int(digits)
        if number == 1:
            story = _Story(path)
        if "\t" in rest:
            questions.append(story.ask(line, rest.split("\t")))
        else:
            story.add(line, number, rest)
    return questions


class _Story:
    """Sentences of a story as far as it has been read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sentences: list[str] = []
        self._index_of_number: dict[str, int] = {}

    def add(self, line: int, number: int, sentence: str) -> None:
        """Add the sentence with this number in the file."""
        self._index_of_number[str(number)] = len(self._sentences)
        self._sentences.append(check_text(self._path, line, "the sentence", sentence).strip(WHITESPACE))

    def ask(self, line: int, columns: list[str]) -> Question:
        """Build the question of a line's `columns`."""
        if len(columns) > 3:
            message = f"must be question, answer and supporting sentences, not {len(columns)} columns"
            raise fault(self._path, line, message)
        question = check_text(self._path, line, "the question", columns[0]).strip(WHITESPACE)
        answer = check_text(self._path, line, "the answer", columns[1]).strip(WHITESPACE)
        supporting = []
        for number in "".join(columns[2:]).split():
            if number not in self._index_of_number:
                raise fault(self._path, line, f"must name sentences before it as supporting; {number!r:.50} is none")
            supporting.append(self._index_of_number[number])
        answers = (Answer(answer, self._find(answer, supporting)),)
        return Question("\n".join(self._sentences), question, answers, line, tuple(supporting))

    def _find(self, answer: str, supporting: list[int]) -> int | None:
        """Return the character of the context at which the answer begins, None where it does not occur."""
        if answer in ("yes", "no"):  # "no longer" is not where the answer "no" stands
            return None
        pattern = re.compile(rf"\b{re.escape(answer)}\b")
        for index in sorted(supporting, reverse=True):
            if match := pattern.search(self._sentences[index]):
                return sum(len(sentence) + 1 for sentence in self._sentences[:index]) + match.start()
        return None
