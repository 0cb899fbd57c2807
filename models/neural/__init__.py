"""Neural language models: Elman RNN, LSTM, GRU and feed-forward networks. Begin with `network`.

`config` holds the architecture as data, `network` the torch modules, `model` the network as a `LanguageModel` that is
saved and served. `training` trains it, `int8` computes it faster in bytes, `analysis` looks at its gates and gradients.
"""
