"""Training of readers: exact resumption, what is left out, and an easy task that is learnt."""

from pathlib import Path

import numpy as np
import pytest

from models.data.labelled.examples import Answer, Question
from models.neural.encoder.config import EncoderConfig
from models.tasks.question_answering.candidates import AnswerCandidates
from models.tasks.question_answering.config import ReaderConfig
from models.tasks.question_answering.fit import fit_answerer
from models.tasks.question_answering.model import Reader
from models.tasks.question_answering.predict import answer
from models.tasks.question_answering.train import ReadingProblem
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.options import FitOptions
from models.tasks.training.train import train_task
from models.tokenization.config import TokenizerConfig
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import run_to_completion

PEOPLE, PLACES = ("Ann", "Bob", "Cleo"), ("attic", "barn", "cellar", "den")
ENCODER = EncoderConfig("gru", embedding_size=8, hidden_size=8, storage="float32")
TOKENIZER = TokenizerConfig(lowercase=True)


def stories(count: int, seed: int) -> list[Question]:
    """Make stories of two moves; where somebody is follows from the one that names them."""
    random = np.random.default_rng(seed)
    questions = []
    for line in range(count):
        people = random.choice(PEOPLE, 2, replace=False).tolist()
        places = random.choice(PLACES, 2, replace=False).tolist()
        asked = int(random.integers(2))
        context = "\n".join(f"{person} is in the {place}." for person, place in zip(people, places, strict=True))
        gold = Answer(places[asked], context.index(places[asked]))
        questions.append(Question(context, f"Where is {people[asked]}?", (gold,), line + 1, (asked,)))
    return questions


@pytest.mark.parametrize("target", ["answers", "span"])
def test_fit_answerer_learns_an_easy_task(target: str) -> None:
    config = ReaderConfig(target, match_size=8, hops=1)  # type: ignore[arg-type]
    training = TaskTrainingConfig(epochs=10, batch_size=16, learning_rate=0.02, dropout=0)
    fitted = run_to_completion(
        fit_answerer(config, stories(160, 1), stories(40, 2), FitOptions(TOKENIZER, ENCODER, training))
    )
    assert fitted.metrics["training"]["validation_exact_match"] == 1
    model = fitted.model
    assert isinstance(model, Reader)
    # Places that no training example holds are copied all the same.
    story = "Ann is in the zoo.\nBob is in the barn."
    if target == "answers":
        [answered] = run_to_completion(answer(model, fitted.tokenizer, [(story, "Where is Ann?")]))
        assert answered.answers[0][:3] == ("zoo", 14, 17)


def test_train_task_resumed_gives_the_same_reader(tmp_path: Path) -> None:
    examples = stories(24, 1)
    tokenizer = Tokenizer.train(TOKENIZER, [f"{q.context}\n{q.question}\n" for q in examples])
    answers = AnswerCandidates(PLACES, [True] * len(PLACES))
    config = TaskTrainingConfig(epochs=2, batch_size=4, dropout=0.3, unknown_rate=0.2)

    def problem() -> ReadingProblem:
        return ReadingProblem(ReaderConfig(match_size=4), ENCODER, answers, tokenizer, examples, stories(9, 2))

    expected = run_to_completion(train_task(problem(), config, report_every=1)).model.tensors()
    for stop_at in (1, 6, 11):
        directory = tmp_path / str(stop_at)
        stopped = train_task(problem(), config, save_to=directory, report_every=1)
        for _ in range(stop_at):
            next(stopped)
        stopped.close()
        resumed = run_to_completion(train_task(problem(), config, resume_from=directory, report_every=1)).model
        assert all(np.array_equal(tensor, expected[name]) for name, tensor in resumed.tensors().items())


def test_reading_problem_tells_tokenizers_of_one_size_apart() -> None:
    examples, words = stories(3, 1), ["ann", "bob", "cleo", "attic", "barn", "cellar", "den"]
    problems = [
        ReadingProblem(
            ReaderConfig(match_size=2),
            ENCODER,
            AnswerCandidates(PLACES, [True] * 4),
            Tokenizer(TOKENIZER, ["<unk>", "</s>", *order]),
            examples,
        )
        for order in (words, words[::-1])
    ]
    assert problems[0].identity != problems[1].identity


def test_reading_problem_leaves_out_answers_that_are_too_long() -> None:
    examples = [Question("one two three", "What?", (Answer("one two three", 0),), 1), *stories(3, 1)]
    tokenizer = Tokenizer.train(TOKENIZER, [examples[0].context])
    config = ReaderConfig("span", match_size=2, max_answer_tokens=2)
    problem = ReadingProblem(config, ENCODER, AnswerCandidates((), ()), tokenizer, examples)
    assert problem.left_out == 1
    assert len(problem.lengths) == 3
