"""Training of recurrent models by truncated back-propagation through time.

Begin with `train`, the whole training as a generator, then `trainer`, one step of it. `config` is the recipe as data;
`loss` and `sampled_softmax` are the objective, `optimizer` and `initialization` move and start the weights, and
`state_file` makes a training that was stopped resume to the same model, bit for bit.
"""
