"""Helpers that know nothing of language models and may be used anywhere.

`files`: atomic and durable writing, arrays on disk. `tensor_file`: arrays in a safetensors file. `parallel`: work on
several threads. `progress`: long work as generators, and what drives them. `arrays`: types, rows of different lengths.
"""
