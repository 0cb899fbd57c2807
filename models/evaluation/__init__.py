"""Evaluation: perplexity of language models, accuracy and F1 of the tasks, comparison of two models.

`evaluator` scores a text of any length in bounded memory, `metrics` makes figures of the log-probabilities and names
them for cards, the command line and HTTP. Begin with `evaluator.evaluate`. The figures of the tasks are in
`classification`, `spans` and `answers`; `comparison` tells whether one of two models is better.
"""
