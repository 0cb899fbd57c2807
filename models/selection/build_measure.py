"""The measure of a selection, built of published models: `build_measure`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from models.checkpoint.load import Checkpoint
from models.errors import InvalidInput, UnsupportedByModel
from models.selection.config import SelectionConfig, SelectionModels
from models.selection.measures import (
    ClassifierMeasure,
    DifferenceMeasure,
    LanguageModelMeasure,
    Measure,
    RoutedMeasure,
)
from models.tasks.classification.classifier import TextClassifier

LoadModel: TypeAlias = Callable[[str], Checkpoint]


def build_measure(models: SelectionModels, config: SelectionConfig, load: LoadModel) -> Measure:
    """Build the measure that some models make together; `load` finds one by its name.

    Raises InvalidInput, naming the field, for models that do not go together, and for a label or unit that one of them
    does not have; and what `load` does.
    """
    checkpoint = load(models.model)
    if isinstance(checkpoint.model, TextClassifier):
        return _classifier_measure(checkpoint, checkpoint.model, models, config, load)
    if models.routes:
        raise InvalidInput("routes", f"are for the labels of a classifier, and {models.model} is none")
    if config.label is not None:
        raise InvalidInput("label", f"is for a classifier, and {models.model} is none")
    measure = _language_model_measure("model", checkpoint, config)
    if models.against is None:
        return measure
    return DifferenceMeasure(measure, _language_model_measure("against", load(models.against), config), config)


def _classifier_measure(
    checkpoint: Checkpoint,
    classifier: TextClassifier,
    models: SelectionModels,
    config: SelectionConfig,
    load: LoadModel,
) -> Measure:
    if models.against is not None:
        raise InvalidInput("against", f"is for language models, and {models.model} is a classifier")
    measure = ClassifierMeasure(classifier, checkpoint.tokenizer, config.label)
    if not models.routes:
        return measure
    if config.label is not None:
        raise InvalidInput("label", "is not for routes: each record is judged by the model of its label")
    loaded = {name: load(name) for name in dict.fromkeys(models.routes.values())}
    routes = {
        label: _language_model_measure(f"routes.{label}", loaded[name], config) for label, name in models.routes.items()
    }
    return RoutedMeasure(measure, routes)


def _language_model_measure(field: str, checkpoint: Checkpoint, config: SelectionConfig) -> LanguageModelMeasure:
    try:
        model = checkpoint.language_model
    except UnsupportedByModel as error:
        raise error.of_field(field) from None
    return LanguageModelMeasure(model, checkpoint.tokenizer, config)
