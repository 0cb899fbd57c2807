"""Checkpoints: published models on disk, in `<root>/<name>/<version>/`.

A checkpoint is a card, a tokenizer and weights. It is published by one rename and never changed afterwards, so what is
visible is complete. Begin with `card`, then `save` and `load`. `repository` lists checkpoints and finds the one that a
name means, which `model_name` reads; `members` pins the models that a composite is made of, `families` maps kinds to
classes, `hash_cache` remembers which files were verified, `private_copies` keeps copies of them, and `counts_file`
holds n-gram counts beside a model.
"""
