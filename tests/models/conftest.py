"""Settings for all tests of models."""

import torch

# On tensors this small threads only wait for each other, and where they outnumber the cores they wait for long.
torch.set_num_threads(1)
