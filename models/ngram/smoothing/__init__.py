"""Smoothing of n-gram counts: probabilities of seen and unseen words, made into a back-off table.

Begin with `estimator.estimate_from_tokens` and `estimate_from_counts`. They apply the smoothing that an `NgramConfig`
names, prune and build the table. The smoothings have a file each (`additive`, `absolute_discounting`, `katz`,
`witten_bell`, `jelinek_mercer`, `kneser_ney`); `estimate` has what they share, `entropy_pruning` leaves out n-grams
that change little. To add a smoothing, write a function from `Counts` to `Estimate` and enter it in `estimator`.
"""
