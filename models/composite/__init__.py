"""Language models that are made of others.

`mixture` is a weighted mean of distributions, with `mixture_weights` fitted to held-out text; `cache` and
`neural_cache` make recent tokens likelier, remembering them in a `token_window`. `dynamic_evaluation` copies a model
that goes on learning from the text it scores. `config` holds their settings as data; begin with `base.Composite`.
"""
