"""Settings for all tests of models."""

import torch
from hypothesis import HealthCheck, settings

# On tensors this small threads only wait for each other, and where they outnumber the cores they wait for long.
torch.set_num_threads(1)

# A busy machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
