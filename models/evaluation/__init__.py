"""Evaluation of language models on text: perplexity and bits, with what they were counted over.

`evaluator` scores a text of any length in bounded memory, `metrics` makes figures of the log-probabilities and names
them for cards, the command line and HTTP. Begin with `evaluator.evaluate`.
"""
