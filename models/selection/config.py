"""Configuration of a selection: what of each record is measured, and which records are kept.

Neither torch nor Numba is loaded, so that schemas and the command line start fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from models.data.line_reader import EmptyLines
from models.errors import InvalidInput
from models.evaluation.metrics import Unit

RecordFormat: TypeAlias = Literal["jsonl", "text", "parquet"]
FigureName: TypeAlias = Literal[
    "perplexity", "open_vocabulary_perplexity", "bits_per_token", "bits_per_byte", "bits_per_character"
]
Bucket: TypeAlias = Literal["head", "middle", "tail"]
BUCKETS: tuple[Bucket, ...] = get_args(Bucket)
"""Names of three parts of a text, by rising figure (Wenzek et al. 2020, CCNet)."""
MANIFEST = "manifest.jsonl"
"""File of a selection's work that tells which blocks are done."""
ANY_LABEL = "*"
"""Key of the cut-offs for records whose label has none of its own."""
Cutoffs: TypeAlias = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class SelectionModels:
    """Names of the models that measure records; a language model, or a classifier."""

    model: str
    """A language model, whose figure a record is judged by; or a classifier, by the probability of its label, or to
    choose among `routes`."""
    against: str | None = None
    """Another language model, of text in general: records are judged by the difference of the two."""
    routes: Mapping[str, str] = field(default_factory=dict)
    """Language model for each label of the classifier `model`."""

    def __post_init__(self) -> None:
        if self.routes and self.against is not None:
            raise InvalidInput("against", "is for one model, not for routes")

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the fields."""
        return (self.model, *([] if self.against is None else [self.against]), *self.routes.values())


@dataclass(frozen=True)
class SelectionConfig:
    """Figure of each record, and the rule of which are kept. Raises InvalidInput, naming the field.

    Without a rule (`min` and `max`, `lowest`, `highest`, `cutoffs` or `percentiles`) every record is kept: the records
    are scored, no more.

    >>> SelectionConfig(figure="perplexity", lowest=30).has_rule
    True
    """

    format: RecordFormat | None = None
    """`jsonl` (an object a line), `text` (a text a line) or `parquet`; None: by the file's ending, jsonl where it tells
    nothing."""
    text_field: str = "text"
    """Name of the field that holds the text of a record."""
    figure: FigureName = "bits_per_byte"
    """What a record is judged by; `against` another model, the difference of it, which perplexities do not have."""
    unit: Unit | None = None
    """`lines`: each line on its own; `document`: each record as one. None: lines, or document for characters."""
    empty_lines: EmptyLines = "keep"
    """Whether an empty line of a record counts as one."""
    label: str | None = None
    """Label of a classifier whose probability a record is judged by."""
    min: float | None = None
    """Smallest figure of the records that are kept."""
    max: float | None = None
    """Largest figure of the records that are kept."""
    lowest: float | None = None
    """Percentage of the records that is kept, those of the smallest figures; of each label, where models are routed."""
    highest: float | None = None
    """Percentage of the records that is kept, those of the largest figures."""
    cutoffs: Cutoffs = field(default_factory=dict)
    """Figures at which `middle` and `tail` begin, by label; the label * stands for all others."""
    percentiles: tuple[float, ...] = ()
    """Percentages at which `middle` and `tail` begin, where no cut-offs say it: 30 and 60 are CCNet's."""
    keep: tuple[Bucket, ...] = ()
    """Which of head, middle and tail are kept; all of them where none is named."""
    scores: bool = True
    """Whether the records that are kept are written with their `scores`; otherwise as they were read."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cutoffs", {label: tuple(map(float, row)) for label, row in self.cutoffs.items()})
        object.__setattr__(self, "percentiles", tuple(map(float, self.percentiles)))
        object.__setattr__(self, "keep", tuple(self.keep))
        self._check_choices()
        self._check_rule()
        for name in ("lowest", "highest", "percentiles"):
            value = getattr(self, name)
            for percentage in value if isinstance(value, tuple) else [value]:
                _check_percentage(name, percentage)
        for row in self.cutoffs.values():
            _check_pair("cutoffs", row)
        if self.percentiles:
            _check_pair("percentiles", self.percentiles)

    @property
    def rules(self) -> list[str]:
        """Names of the rules that are set."""
        limits = ["min" if self.max is None else "max"] if (self.min, self.max) != (None, None) else []
        others = [name for name in ("lowest", "highest") if getattr(self, name) is not None]
        return limits + others + [name for name in ("cutoffs", "percentiles") if getattr(self, name)]

    @property
    def has_rule(self) -> bool:
        """Whether records are selected, rather than scored alone."""
        return bool(self.rules)

    @property
    def has_buckets(self) -> bool:
        """Whether records are put into head, middle and tail."""
        return bool(self.cutoffs or self.percentiles)

    @property
    def kept_buckets(self) -> tuple[Bucket, ...]:
        """Buckets that are kept, in their order; none of a rule without buckets."""
        return tuple(name for name in BUCKETS if name in (self.keep or BUCKETS)) if self.has_buckets else ()

    def _check_choices(self) -> None:
        _check_choice("figure", self.figure, get_args(FigureName))
        if self.format is not None:
            _check_choice("format", self.format, get_args(RecordFormat))
        if not self.text_field:
            raise InvalidInput("text_field", "must be the name of a field")
        for bucket in self.keep:
            _check_choice("keep", bucket, BUCKETS)

    def _check_rule(self) -> None:
        if len(self.rules) > 1:
            raise InvalidInput(self.rules[1], f"is one rule, and {self.rules[0]} another: choose one")
        for name in ("min", "max"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InvalidInput(name, "must be a finite number")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise InvalidInput("min", "must be at most max")
        if self.keep and not self.has_buckets:
            raise InvalidInput("keep", "is for cutoffs and percentiles")


def _check_choice(name: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        raise InvalidInput(name, f"must be one of {', '.join(accepted)}")


def _check_percentage(name: str, value: float | None) -> None:
    if value is not None and not 0 < value < 100:  # a NaN is not
        raise InvalidInput(name, "must be a percentage, more than 0 and less than 100")


def _check_pair(name: str, row: tuple[float, ...]) -> None:
    if len(row) != 2 or not all(map(math.isfinite, row)) or row[0] > row[1]:
        raise InvalidInput(name, "must be two finite numbers, the smaller first: where middle and tail begin")
