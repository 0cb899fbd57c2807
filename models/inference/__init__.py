"""Inference with any `LanguageModel`: generating and scoring texts, predicting next tokens.

`config` holds the sampling parameters. `prefill` reads prompts a chunk at a time, with a `prefix_cache` where the
caller has one; `generation` gives the sequences of a batch a token a step, by `sampling` and up to `stop_strings`.
`scoring` computes log-probabilities of texts, and `next_token` answers the queries of `predictions`.

Begin with `generation.generate` and `scoring.score_texts`.
"""
