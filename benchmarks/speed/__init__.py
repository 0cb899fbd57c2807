"""Benchmarks of speed: estimation, scoring, generation, training and tokenization in this process.

Peers (KenLM, Hugging Face tokenizers, a plain PyTorch loop) run beside ours where they are installed. Begin with
`ngram` and `recurrent`; `_timing` takes medians of calls made in turn.
"""
