"""Recurrent language models that compute in bytes (int8).

Begin with `model`: `Int8Model`, and how the weights of a network are quantized. Below it, from the outside in:
`output_layer` (log-probabilities, sampled tokens, a whole decode step), `forward` (layers over sequences), `cells` (one
step of an RNN, GRU or LSTM), `panel` (32 rows of a matrix) and `dot_product` (products of bytes in the processor's
widest instructions).
"""
