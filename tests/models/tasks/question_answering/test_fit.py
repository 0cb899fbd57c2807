"""Making of answerers: what is refused, answers that may be copied, unanswerable questions."""

from dataclasses import replace

import pytest

from models.data.labelled.examples import Answer, Question
from models.errors import InvalidInput, TrainingFailed
from models.neural.encoder.config import EncoderConfig
from models.tasks.question_answering.config import AnyAnswererConfig, NearestSentenceConfig, ReaderConfig
from models.tasks.question_answering.evaluate import evaluate_answerer
from models.tasks.question_answering.fit import answers_of, fit_answerer
from models.tasks.question_answering.nearest_sentence import NearestSentence
from models.tasks.training.config import TaskTrainingConfig
from models.tasks.training.options import FitOptions
from models.tokenization.config import TokenizerConfig
from models.utils.progress import run_to_completion

OPTIONS = FitOptions(
    TokenizerConfig(lowercase=True),
    EncoderConfig(embedding_size=3, hidden_size=2),
    TaskTrainingConfig(epochs=1, batch_size=2),
)
ANSWERED = Question("Mary sat.", "Who sat?", (Answer("Mary", 0),), 3)
YES = Question("Mary sat.", "Did Mary sit?", (Answer("yes", None),), 4)
UNANSWERABLE = Question("Mary sat.", "Who stood?", (), 5)
ALL_SMALL = ReaderConfig("span", match_size=2)


def test_answers_of_lets_those_be_copied_that_stand_in_some_context() -> None:
    elsewhere = Question("She sat.", "Who?", (Answer("Mary", None),), 6)
    answers = answers_of([YES, ANSWERED, elsewhere])
    assert (answers.answers, answers.copied) == (("Mary", "yes"), (True, False))


@pytest.mark.parametrize(
    ("config", "examples", "line"),
    [
        (ReaderConfig(), [ANSWERED, UNANSWERABLE], "line 5"),
        (NearestSentenceConfig(), [UNANSWERABLE], "line 5"),
        (ReaderConfig("span"), [ANSWERED, YES], "line 4"),
    ],
)
def test_fit_answerer_names_the_line_that_its_target_cannot_answer(
    config: AnyAnswererConfig, examples: list[Question], line: str
) -> None:
    with pytest.raises(InvalidInput, match=line):
        run_to_completion(fit_answerer(config, examples, [], OPTIONS))


def test_fit_answerer_refuses_tokens_that_are_no_words() -> None:
    with pytest.raises(InvalidInput, match="tokenizer"):
        run_to_completion(fit_answerer(ReaderConfig(), [ANSWERED], [], FitOptions(TokenizerConfig("character"))))


def test_fit_answerer_without_examples_fails() -> None:
    with pytest.raises(TrainingFailed, match="no training examples"):
        run_to_completion(fit_answerer(ReaderConfig(), [], [], OPTIONS))


def test_fit_answerer_trains_on_questions_without_an_answer() -> None:
    fitted = run_to_completion(fit_answerer(ALL_SMALL, [ANSWERED, UNANSWERABLE], [ANSWERED], OPTIONS))
    assert fitted.metrics["training"]["left_out"] == 0
    figures = run_to_completion(evaluate_answerer(fitted.model, fitted.tokenizer, [ANSWERED, UNANSWERABLE]))  # type: ignore[arg-type]
    assert figures["questions"] == 2


def test_evaluate_answerer_counts_the_best_answer() -> None:
    fitted = run_to_completion(fit_answerer(NearestSentenceConfig(), [ANSWERED, YES], [], OPTIONS))
    assert isinstance(fitted.model, NearestSentence)
    # Both answers are as frequent; "mary" is the first of them in the sentence, but the second question names her.
    figures = run_to_completion(evaluate_answerer(fitted.model, fitted.tokenizer, [ANSWERED, YES]))
    assert (figures["exact_match"], figures["questions"]) == (0.5, 2)


def test_evaluate_answerer_tells_the_files_apart() -> None:
    fitted = run_to_completion(fit_answerer(NearestSentenceConfig(), [ANSWERED, YES], [], OPTIONS))
    assert isinstance(fitted.model, NearestSentence)
    examples = [replace(ANSWERED, file="a.txt"), replace(YES, file="b.txt"), replace(ANSWERED, file="b.txt")]
    figures = run_to_completion(evaluate_answerer(fitted.model, fitted.tokenizer, examples))
    assert figures["files"] == {
        "a.txt": {"exact_match": 1.0, "questions": 1},
        "b.txt": {"exact_match": 0.5, "questions": 2},
    }
