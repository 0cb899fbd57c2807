"""Training of a recurrent reader on questions with answers."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.data.labelled.examples import Question
from models.evaluation.answers import answer_figures
from models.model import Floats
from models.neural.encoder.config import EncoderConfig
from models.neural.encoder.model import RecurrentEncoder
from models.neural.encoder.network import EncoderNetwork
from models.special_tokens import EOS, UNK
from models.tasks.encoder_model import split_tensors
from models.tasks.question_answering.candidates import AnswerCandidates
from models.tasks.question_answering.config import ReaderConfig
from models.tasks.question_answering.model import Reader, make_candidates, reader_head_shapes
from models.tasks.question_answering.network import QuestionBatch, ReaderNetwork
from models.tasks.question_answering.sentences import split_sentences
from models.tasks.question_answering.texts import MATCHES, DistinctTexts, QuestionText
from models.tasks.text import Alphabet, TaskText, pad
from models.tasks.training.problem import StepContext, TaskProblem, TextBatch, rare_words
from models.tokenization.tokenizer import Tokenizer
from models.utils.arrays import BoolArray
from models.utils.progress import Progress

_MEASURED_QUESTIONS = 32
"""Questions that are answered together while a training measures."""


class ReadingProblem(TaskProblem[Reader]):
    """Questions, for `train_task` to train a reader on."""

    network: ReaderNetwork

    def __init__(
        self,
        settings: ReaderConfig,
        encoder: EncoderConfig,
        answers: AnswerCandidates,
        tokenizer: Tokenizer,
        examples: Sequence[Question],
        held_out: Sequence[Question] = (),
        alphabet: Alphabet | None = None,
    ) -> None:
        """Train on `examples`; `held_out`, which may be empty, chooses the best weights by F1.

        Examples of which no candidate is right, as answers longer than `max_answer_tokens`, are left out.
        """
        self._settings, self._encoder, self._answers = settings, encoder, answers
        self._vocabulary_size, self._alphabet = tokenizer.vocabulary_size, alphabet
        self._alphabet_size = 0 if alphabet is None else len(alphabet)
        self._candidates = make_candidates(settings, answers.answers, answers.copied)
        texts = [QuestionText.of(tokenizer, example.context, example.question) for example in examples]
        right = [self._candidates.right(text, e.answers) for text, e in zip(texts, examples, strict=True)]
        kept = [i for i, candidates in enumerate(right) if candidates.any()]
        self._all_texts = texts
        self.left_out = len(examples) - len(kept)
        self._texts, self._right = [texts[i] for i in kept], [right[i] for i in kept]
        self._supporting = [examples[i].supporting for i in kept]
        self._examples, self._held_out = examples, held_out
        self._measured = [QuestionText.of(tokenizer, example.context, example.question) for example in held_out]
        self.lengths = np.array([len(text.context) for text in self._texts], np.int64)
        self._rare = rare_words([part for t in self._texts for part in (t.context, t.question)], self._vocabulary_size)
        self._is_answer = np.zeros(self._vocabulary_size, np.bool_)
        self._is_answer[self._answer_tokens(tokenizer)] = True
        head = reader_head_shapes(settings, len(answers.answers), encoder.vector_size)
        self.network = ReaderNetwork(
            settings, EncoderNetwork(encoder, self._vocabulary_size, self._alphabet_size), head
        )

    @property
    def identity(self) -> dict[str, Any]:
        """Return settings, and digests of the examples, as `TaskProblem` says."""
        return {
            "reader": asdict(self._settings),
            "encoder": asdict(self._encoder),
            "vocabulary": self._vocabulary_size,
            "answers": list(self._answers.answers),
            "examples": _fingerprint(self._examples, self._all_texts),
            "held out": _fingerprint(self._held_out, self._measured),
        }

    def loss(self, rows: NDArray[np.int64], context: StepContext) -> Tensor:
        """Return the mean loss of some examples, as `TaskProblem` says."""
        hidden = torch.rand(len(rows), generator=context.random) < self._settings.hidden_answers
        texts = [self._texts[row] for row in rows]
        texts = [self._hide(text) if hide else text for text, hide in zip(texts, hidden.tolist(), strict=True)]
        parts = DistinctTexts.of(texts)
        batch = TextBatch.of(parts.texts, self._alphabet)
        batch = replace(batch, tokens=context.replace_rare(batch.tokens, self._rare))
        positions, lengths = map(torch.from_numpy, pad(_token_positions(parts, batch.tokens.shape[1])))
        questions = QuestionBatch(
            batch,
            positions,
            lengths,
            torch.tensor(parts.questions),
            _pad_matches(texts),
            _pad_candidates([self._candidates.allowed(text) for text in texts]),
            _pad_candidates([self._right[row] for row in rows]),
            _pad_supporting(texts, [self._supporting[row] for row in rows]),
        )
        return self.network.loss(questions, context)

    def _answer_tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Return the ids of tokens that are answers which may be copied."""
        copied = [a for a, copied in zip(self._answers.answers, self._answers.copied, strict=True) if copied]
        ids = (tokenizer.encode(answer).ids.tolist() for answer in copied)
        return [tokens[0] for tokens in ids if len(tokens) == 1]

    def _hide(self, text: QuestionText) -> QuestionText:
        """Return a question with `<unk>` for words that are answers; their forms stay."""
        context, question = (
            TaskText(np.where(self._is_answer[part.ids], UNK, part.ids), part.forms)
            for part in (text.context, text.question)
        )
        return replace(text, context=context, sentences=split_sentences(context), question=question)

    def model(self, weights: Mapping[str, Floats]) -> Reader:
        """Return the model with these weights, as `TaskProblem` says."""
        tensors, head = split_tensors(weights)
        encoder = RecurrentEncoder(self._encoder, tensors, self._vocabulary_size, self._alphabet_size)
        return Reader(self._settings, self._candidates, encoder, head, self._alphabet)

    def measure(self, model: Reader) -> Generator[Progress, None, dict[str, float]]:
        """Return F1 and the share of exact answers on the held-out questions."""
        if not self._held_out:
            return {}
        predicted: list[str | None] = []
        for begin in range(0, len(self._measured), _MEASURED_QUESTIONS):
            answered = model.answer(self._measured[begin : begin + _MEASURED_QUESTIONS], top_k=1)
            predicted += (result.best for result in answered)
            yield Progress("validating", begin, len(self._measured))
        figures = answer_figures(predicted, [[a.text for a in example.answers] for example in self._held_out])
        return {f"validation_{name}": float(figures[name] or 0) for name in ("f1", "exact_match")}


def _token_positions(parts: DistinctTexts, width: int) -> list[NDArray[np.int64]]:
    """Return for each question where its context's tokens [T] are in the padded parts, read row by row."""
    lengths = [len(text) for text in parts.texts]
    return [np.concatenate([row * width + np.arange(lengths[row]) for row in rows]) for rows in parts.sentences]


def _pad_matches(texts: Sequence[QuestionText]) -> Tensor:
    """Return `QuestionText.matches` of texts, padded with zeros [B, T, MATCHES]."""
    padded = np.zeros((len(texts), max(len(text.context) for text in texts), MATCHES), np.float32)
    for row, text in zip(padded, texts, strict=True):
        row[: len(text.context)] = text.matches()
    return torch.from_numpy(padded)


def _pad_supporting(texts: Sequence[QuestionText], supporting: Sequence[Sequence[int]]) -> Tensor:
    """Return which tokens belong to each supporting line, padded with False [B, F, T]."""
    width, most = max(len(text.context) for text in texts), max(map(len, supporting))
    padded = np.zeros((len(texts), most, width), np.bool_)
    for place, text, lines in zip(padded, texts, supporting, strict=True):
        ends = text.context.ids == EOS
        line_of_token = np.cumsum(ends) - ends
        for row, line in zip(place, lines, strict=False):
            row[: len(ends)] = line_of_token == line
    return torch.from_numpy(padded)


def _pad_candidates(rows: Sequence[BoolArray]) -> Tensor:
    """Return rows of candidates [N], padded with False [B, N]."""
    padded = np.zeros((len(rows), max(map(len, rows))), np.bool_)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(padded)


def _fingerprint(examples: Sequence[Question], texts: Sequence[QuestionText]) -> str:
    """Return a digest of questions, their answers and their tokens."""
    digest = hashlib.sha256()
    for example, text in zip(examples, texts, strict=True):
        digest.update(repr((example.context, example.question, example.answers, example.supporting)).encode())
        digest.update(text.context.ids.tobytes() + b":" + text.question.ids.tobytes())
    return digest.hexdigest()
