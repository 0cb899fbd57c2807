"""Answers to questions about a context: picked from the answers of training, or spans of the context.

`answerer` is the interface, `model` the recurrent reader, `nearest_sentence` its baseline; `train` is the reader's
training problem. `fit` makes a model of questions, `predict` answers in chunks, `evaluate` measures.
"""
