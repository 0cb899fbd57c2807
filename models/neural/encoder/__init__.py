"""Recurrent encoders: networks that read a whole text, from both sides, into a vector per token.

`config` is the architecture, `model` the encoder that serves (NumPy in and out), `network` the network of PyTorch that
is trained and computes in float32. `models.neural.int8.encoder` computes in bytes.
"""
