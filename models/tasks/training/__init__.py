"""Training of networks for tasks: batches of whole texts, steps, early stopping on the task's metric, saved states.

A task says what its examples and its loss are (`problem`); `trainer` makes the steps and `train` drives them.
"""
