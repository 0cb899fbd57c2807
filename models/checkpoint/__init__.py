"""Checkpoints: published models on disk, `<root>/<name>/<version>/` with a card, a tokenizer and weights.

Begin with `card`, then `save` and `load`. A checkpoint is published by one rename and never changed afterwards, so what
is visible is complete. `repository` lists checkpoints and finds the one that a name means; `members` pins the models
that a composite is made of, `families` maps kinds to classes, `hash_cache` remembers which files were verified, and
`counts_file` holds n-gram counts beside a model.
"""
