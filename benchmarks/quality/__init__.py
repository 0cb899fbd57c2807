"""Benchmarks of quality: perplexity by smoothing, size, tokenizer, training recipe and adaptation.

They take text that the project does not ship, as a folder of corpora. Begin with `smoothings`; `parity` compares with
KenLM and with formulas written out by hand.
"""
