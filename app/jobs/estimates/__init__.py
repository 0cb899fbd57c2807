"""Estimates of what jobs take, so that absurd ones are refused and users know what to expect.

Begin with `resources` (an estimate and its limits). `text_size` is what they go by: `text_sample` learns it from a
sample of the text. `resource_estimate` is for language models, `task_estimate` for models of tasks.
"""
