"""Recurrent models as ONNX, in the signature of sherpa-onnx's streaming language model.

A graph takes `x` [N, T] int64 and the vectors `h0` and `c0` [L, N, H], and gives `log_softmax` [N, V], the distribution
after the last token, with `next_h0` and `next_c0`. icefall writes its LSTMs so (icefall/rnn_lm/export-onnx.py), and
sherpa-onnx reads `num_layers`, `hidden_size` and `sos_id` of the metadata: it begins with vectors of zeros and the
boundary token, as our own models do. A network without a cell hands `c0` on.

`export` writes the file, of the `weights` and the `graph`.
"""
