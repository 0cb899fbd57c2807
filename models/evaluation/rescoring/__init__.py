"""Weights for rescoring n-best lists, tuned to the fewest errors on lists with references.

Begin with `tuning`, whose results are `tuned_weights`. `nbest_scores` scores the hypotheses, `edit_distance` counts
their errors, `coordinate_search` looks for weights by the exact line searches of `line_search`.
"""
