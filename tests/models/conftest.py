"""Settings for all tests of models."""

import torch

from models.threads import set_thread_count

# On tensors this small threads only wait for each other, and where they outnumber the cores they wait for long.
set_thread_count(1)
assert torch.get_num_threads() == 1  # torch was loaded before, so that training keeps to it too
