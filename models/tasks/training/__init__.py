"""Training of networks for tasks: batches of texts, steps, early stopping, saved states.

A task says what its examples and its loss are (`problem`); `trainer` makes the steps and `train` drives them.
"""
