"""Classification of texts: one label for each, or several.

`classifier` is the interface, `model` the recurrent network, `train` its training problem; `fit` makes a model of
labelled texts, `predict` classifies in chunks, `evaluate` measures.
"""
