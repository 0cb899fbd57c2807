"""Tasks beyond language modelling: heads over an encoder that turn a whole text into labels, tags, fillers or answers.

`text` prepares what the models read, `encoder_model` is the base class of the networks, `training` trains them. Each
task is a package: its configuration, its models with their baselines, and its training.
"""
