"""Inference with any `LanguageModel`: generating and scoring texts, predicting next tokens.

`config` holds the sampling parameters. `prefill` reads prompts a chunk at a time, with a `prefix_cache` where the
caller has one; `generation` gives each `sequence` of a batch a token a step, by `sampling`, after its `adjustment`, and
up to `stop_strings`. `scoring` computes log-probabilities of texts, `alternatives` finds the best tokens in the places
of theirs, and `next_token` answers the queries of `predictions`.

Begin with `generation.generate` and `scoring.score_texts`.
"""
