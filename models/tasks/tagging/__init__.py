"""Tagging: parts of speech, or BIO tags that mark names and other spans, for the tokens of a sentence.

`tagger` is the interface, `model` the recurrent network, `hmm` the hidden Markov model beside it. `chain` computes with
sequences of tags, `crf` trains them. `fit` makes a model of tagged sentences, `predict` tags texts in chunks,
`evaluate` measures.
"""
