"""Counting of n-grams: token ids to the counts of all orders at once.

Begin with `extraction.count_ngrams`, which sorts the positions of a text (`suffix_array`) and reads the n-grams of
every order off the sorted positions; `counts` has the result. `merging` adds two sets of counts, and `counter` counts
within a memory budget: block by block, on disk, merged. Counting needs no smoothing and no tokenizer.
"""
