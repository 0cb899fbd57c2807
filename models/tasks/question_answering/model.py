"""A recurrent reader: an encoder, a layer that matches context and question, scores of candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from models.errors import CheckpointDamaged
from models.model import Floats
from models.neural.encoder.model import RecurrentEncoder
from models.neural.int8.encoder import Int8Encoder
from models.tasks.card_names import read_names
from models.tasks.encoder_model import EncoderModel
from models.tasks.question_answering.answerer import QuestionAnswerer
from models.tasks.question_answering.answers import AnsweredQuestion
from models.tasks.question_answering.candidates import AnswerCandidates, Candidates, SpanCandidates
from models.tasks.question_answering.config import ReaderConfig
from models.tasks.question_answering.matching import Int8MatchLayer, MatchLayer, match_inputs, match_shapes
from models.tasks.question_answering.texts import DistinctTexts, QuestionText
from models.tasks.text import Alphabet, TaskText, token_chunks
from models.utils.arrays import Float64Array


class Reader(EncoderModel, QuestionAnswerer):
    """A recurrent model that reads the context as it is, and again in the light of the question."""

    kind = "reader"

    def __init__(
        self,
        settings: ReaderConfig,
        candidates: Candidates,
        encoder: RecurrentEncoder,
        head: Mapping[str, Floats],
        alphabet: Alphabet | None = None,
    ) -> None:
        """Hold an encoder and the arrays of a head, `reader_head_shapes`."""
        super().__init__(encoder, head, alphabet)
        self.settings, self.candidates = settings, candidates
        self._match_layer = self._make_match_layer()

    def answer(self, questions: Sequence[QuestionText], top_k: int) -> list[AnsweredQuestion]:
        """Return the most probable answers to each question, as `QuestionAnswerer` says."""
        parts = DistinctTexts.of(questions)
        parts_vectors, summaries = self._encode(parts.texts)
        answered = []
        # One by one, so that a question's answers do not depend on its company.
        for question, sentences, own in zip(questions, *parts[1:], strict=True):
            context = np.concatenate([parts_vectors[i] for i in sentences])
            vectors = context, parts_vectors[own], summaries[own]
            scores = self._scores(question, *vectors).astype(np.float64)
            answered.append(self.candidates.rank(question, self._probabilities(question, scores), top_k))
        return answered

    def _encode(self, texts: Sequence[TaskText]) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """Return the vectors [T, D] of the tokens of each text and that of the whole text [D], by row.

        Texts of similar length are read together, so that a long one takes no memory for all the others.
        """
        tokens, whole = dict[int, Floats](), dict[int, Floats]()
        for rows in token_chunks([len(text) for text in texts], self.chunk_tokens):
            vectors, lengths = self.vectors([texts[row] for row in rows])
            last = self.encoder.last_vectors(vectors, lengths)
            for i, row in enumerate(rows.tolist()):
                tokens[row], whole[row] = vectors[i, : lengths[i]], last[i]
        return tokens, whole

    def _scores(self, question: QuestionText, context: Floats, asked: Floats, summary: Floats) -> Floats:
        """Return unnormalized log-probabilities [N] of candidates, anything past the end of the context.

        `context` [T, D] and `asked` [S, D] are vectors of the tokens, `summary` [D] that of the whole question.
        """
        inputs = match_inputs(self._head["align"], context, asked, summary, question.matches())
        matched = np.concatenate([self._match_layer.read(inputs), context], 1)
        query = self._look(matched, summary)
        if self.settings.target == "answers":
            listed = self._head["answer_weight"] @ query + self._head["answer_bias"]
            return np.concatenate([listed, matched @ (query @ self._head["copied"])])
        size = self.settings.max_answer_tokens
        starts, ends = matched @ (query @ self._head["start"]), np.zeros(len(matched) + size - 1, np.float32)
        ends[: len(matched)] = matched @ (query @ self._head["end"])
        spans = starts[:, None] + np.lib.stride_tricks.sliding_window_view(ends, size)
        none = query @ self._head["none_weight"] + self._head["none_bias"]
        return np.concatenate([none, spans.reshape(-1)])

    def _look(self, matched: Floats, summary: Floats) -> Floats:
        """Return the query [2 M] after all hops over a context's vectors [T, 2 M + D]."""
        query: Floats = np.tanh(np.concatenate([matched.max(0), summary]) @ self._head["query"])
        for hop in range(self.settings.hops):
            scores = matched @ (query @ self._head[f"look{hop}"])
            weights = np.exp(scores - scores.max())
            seen = weights @ matched / weights.sum()
            query = np.tanh(np.concatenate([query, seen]) @ self._head[f"update{hop}"])
        return query

    def _probabilities(self, question: QuestionText, scores: Float64Array) -> Float64Array:
        """Return the probabilities [N] of candidates, 0 for those that are not allowed."""
        scores = np.where(self.candidates.allowed(question), scores, -np.inf)
        weights = np.exp(scores - scores.max())
        probabilities: Float64Array = weights / weights.sum()
        return probabilities

    def _make_match_layer(self) -> MatchLayer:
        """Return what computes the matching layer; readers of another precision override it."""
        from models.tasks.question_answering.network import FloatMatchLayer  # imports PyTorch

        return FloatMatchLayer(self._head)

    @classmethod
    def head_shapes(cls, config: dict[str, Any], encoder: RecurrentEncoder) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the head's arrays by name, as `EncoderModel` says."""
        settings, candidates = _read_config(config)
        answers = candidates.answers if isinstance(candidates, AnswerCandidates) else ()
        return reader_head_shapes(settings, len(answers), encoder.vector_size)

    @classmethod
    def build(
        cls, config: dict[str, Any], encoder: RecurrentEncoder, head: Mapping[str, Floats], alphabet: Alphabet | None
    ) -> Self:
        """Build the model of checked arrays, as `EncoderModel` says."""
        return cls(*_read_config(config), encoder, head, alphabet)

    def task_config(self) -> dict[str, Any]:
        """Return the task's part of the configuration, as `EncoderModel` says."""
        listed = self.candidates if isinstance(self.candidates, AnswerCandidates) else AnswerCandidates((), ())
        return {"reader": asdict(self.settings), "answers": list(listed.answers), "copied": list(listed.copied)}


class Int8Reader(Reader):
    """A recurrent reader whose encoder and matching layer compute in bytes."""

    encoder_class = Int8Encoder

    def _make_match_layer(self) -> MatchLayer:
        return Int8MatchLayer(self._head, self.settings.match_size)


def _read_config(config: dict[str, Any]) -> tuple[ReaderConfig, Candidates]:
    """Return settings and candidates of a card. Raises CheckpointDamaged for answers that are none."""
    settings = ReaderConfig(**config["reader"])
    answers = read_names(config, "answers", at_least=1 if settings.target == "answers" else 0)
    copied = config["copied"]
    if not isinstance(copied, list) or [type(value) for value in copied] != [bool] * len(answers):
        raise CheckpointDamaged("config: copied is not a list of true or false for each answer")
    return settings, make_candidates(settings, answers, copied)


def make_candidates(settings: ReaderConfig, answers: Sequence[str], copied: Sequence[bool]) -> Candidates:
    """Return the numbering of answers: `answers` and words of the context, or spans."""
    if settings.target == "answers":
        return AnswerCandidates(answers, copied)
    return SpanCandidates(settings.max_answer_tokens)


def reader_head_shapes(settings: ReaderConfig, answers: int, vector_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a reader's head, by name; `answers` is the number of those of training."""
    size = 2 * settings.match_size
    shapes = match_shapes(vector_size, settings.match_size)
    memory = size + vector_size
    shapes["query"] = memory + vector_size, size
    for hop in range(settings.hops):
        shapes |= {f"look{hop}": (size, memory), f"update{hop}": (size + memory, size)}
    if settings.target == "answers":
        return shapes | {"answer_weight": (answers, size), "answer_bias": (answers,), "copied": (size, memory)}
    return shapes | {"start": (size, memory), "end": (size, memory), "none_weight": (size,), "none_bias": (1,)}
