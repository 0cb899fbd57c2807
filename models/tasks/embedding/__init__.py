"""Embedding of texts: vectors of any recurrent model, one for a whole text or one for each token.

`config` has the choices, `encode` gets the vectors of texts from a model, `pooling` makes one vector of many, `predict`
embeds texts in chunks. Nothing is trained: the vectors are those of a language model, a classifier, a tagger and so on.
"""
