"""Conversion of text to token ids and back.

Begin with `tokenizer.Tokenizer`: it trains a vocabulary, encodes, decodes, and is saved as a `tokenizer.json`.
`pipeline` defines what a token is, for each `config.TokenizerConfig`. The three tokenizers that do the work are made
for speed and tested to give what the pipeline gives: `word_tokenizer`, `character_tokenizer` and `bpe_tokenizer`.
"""
