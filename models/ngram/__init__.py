"""N-gram language models: a back-off table, how it is queried, stored and exchanged as ARPA text.

Begin with `model.NgramModel`, which answers through the interface of every language model, and `trie`, the layout of
its table in memory. Beside them: `query` (advance and score), `top_k` (whole distributions and the best words),
`hash_index` (a faster search for long texts), `backoff_table` and `trie_builder` (making, checking and listing
tables), `quantization`, `count_table` (the counts that a model was published with), `explanation` (how a distribution
comes about) and `kenlm_model` (a binary of KenLM, by that library).

The table comes from text in two steps, each a package: `counting` makes n-gram counts of token ids, `smoothing` makes
probabilities of the counts. Serving a model loads neither. The package `formats` reads and writes the files of others.
"""
