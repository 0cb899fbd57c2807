"""Making a tagger of tagged sentences, of any kind: a network or the hidden Markov model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Sequence

from models.data.labelled.examples import TaggedSentence
from models.errors import InvalidInput, TrainingFailed
from models.evaluation.spans import has_spans
from models.tasks.tagging.config import MAX_TAGS, HmmTaggerConfig, TaggerConfig
from models.tasks.tagging.hmm.estimation import estimate_hmm
from models.tasks.tagging.model import RecurrentTagger, allowed_tags
from models.tasks.tagging.tagger import Tagger
from models.tasks.tagging.texts import TaggedTexts, check_counts
from models.tasks.tagging.train import TaggingProblem
from models.tasks.training.options import FitOptions, FittedModel, alphabet_of, with_known_words
from models.tasks.training.train import TaskTrainingResult, train_with
from models.tokenization.tokenizer import Tokenizer
from models.utils.progress import Progress


def fit_tagger(
    config: TaggerConfig | HmmTaggerConfig,
    examples: Sequence[TaggedSentence],
    held_out: Sequence[TaggedSentence],
    options: FitOptions,
) -> Generator[Progress, None, FittedModel]:
    """Train a tagger on `examples`; `held_out`, which may be empty, chooses the best weights of a network.

    Raises InvalidInput for sentences that do not fit together, naming the line, TrainingFailed where there is none.
    """
    began = time.monotonic()
    yield Progress("reading", 0, 0)
    tags = _tags(examples, held_out)
    tokenizer = _tokenizer(options, examples)
    texts = TaggedTexts.of(examples, tokenizer)
    figures: dict[str, float] = {"examples": len(examples), "held_out": len(held_out)}
    model: Tagger
    if isinstance(config, HmmTaggerConfig):
        model = estimate_hmm(config, tags, texts, tokenizer.vocabulary_size)
    else:
        _check_settings(config, options, tags, examples)
        result = yield from _train(config, options, tags, tokenizer, texts, TaggedTexts.of(held_out, tokenizer))
        model, figures = result.model, figures | result.card_metrics
    figures["seconds"] = round(time.monotonic() - began, 1)
    return FittedModel(model, tokenizer, {"training": figures})


def _train(
    config: TaggerConfig,
    options: FitOptions,
    tags: Sequence[str],
    tokenizer: Tokenizer,
    texts: TaggedTexts,
    held_out: TaggedTexts,
) -> Generator[Progress, None, TaskTrainingResult[RecurrentTagger]]:
    """Train a network, or go on with the training whose state lies in `options.workdir`."""
    alphabet = alphabet_of(options, texts.texts)
    measured = held_out if held_out.texts else None
    problem = TaggingProblem(config, options.encoder, tags, tokenizer.vocabulary_size, texts, measured, alphabet)
    return train_with(problem, options, tokenizer)


def _tags(examples: Sequence[TaggedSentence], held_out: Sequence[TaggedSentence]) -> tuple[str, ...]:
    """Return the tags of the training examples, sorted. Raises InvalidInput naming the line of a fault."""
    if not examples:
        raise TrainingFailed("there are no training examples")
    check_counts("files", examples)
    check_counts("validation", held_out)
    tags = tuple(sorted({tag for example in examples for tag in example.tags}))
    if len(tags) < 2:
        raise InvalidInput("files", "examples of at least two tags are accepted")
    if len(tags) > MAX_TAGS:
        raise InvalidInput("files", f"examples of at most {MAX_TAGS} tags are accepted; there are {len(tags)}")
    return tags


def _check_settings(
    config: TaggerConfig, options: FitOptions, tags: Sequence[str], examples: Sequence[TaggedSentence]
) -> None:
    """Raise InvalidInput for settings that do not fit each other, or the tags."""
    if config.crf and options.training.label_smoothing:
        raise InvalidInput("label_smoothing", "only 0 is accepted with crf: a sequence of tags is no single label")
    if len(tags) > config.max_tags:
        name = "crf" if config.crf else "constrained"
        message = f"only false is accepted with more than {config.max_tags} tags; there are {len(tags)}"
        raise InvalidInput(name, message)
    if not config.constrained:
        return
    if not has_spans(tags):
        raise InvalidInput("constrained", "true is accepted for BIO tags only, O and those that begin with B- or I-")
    first, following = allowed_tags(tags)
    columns = {tag: i for i, tag in enumerate(tags)}
    for example in examples:
        path = [columns[tag] for tag in example.tags]
        if not (first[path[0]] and following[path[:-1], path[1:]].all()):
            raise InvalidInput("constrained", f"line {example.line}: I- stands where its span has not begun with B-")


def _tokenizer(options: FitOptions, examples: Sequence[TaggedSentence]) -> Tokenizer:
    """Return the tokenizer of the initial weights, or a new one of words of the examples."""
    if options.initial is not None and options.initial.tokenizer is not None:
        if options.initial.tokenizer.config.kind != "word":
            raise InvalidInput(
                "initialize_from", "a model whose tokens are words is accepted, as tags are those of words"
            )
        return options.initial.tokenizer
    counts = Counter(token for example in examples for token in example.tokens)
    return with_known_words(Tokenizer.from_counts(options.tokenizer, counts), options)
