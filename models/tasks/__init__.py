"""Tasks beyond language modelling: heads that turn an encoder's vectors into labels, tags or answers.

`text` prepares what the models read, `encoder_model` is the base class of the networks, `training` trains them. Each
task is a package: its configuration, its models with their baselines, and its training.
"""
