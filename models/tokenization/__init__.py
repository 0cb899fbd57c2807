"""Conversion of text to token ids and back.

Begin with `tokenizer.Tokenizer`: it trains a vocabulary, encodes, decodes, and is saved as a `tokenizer.json`.
`definition` says what a token is, for each `config.TokenizerConfig`. The tokenizers that do the work are made for speed
and tested to give what `definition.pipeline` gives: `words`, `character_tokenizer` and `bpe_tokenizer`. Tokens that a
file of others defines are split by its own library: `foreign`.
"""
