"""Recipes: what model to build of which texts or published models, and building it.

Begin with `recipe`: `Recipe` (texts to an n-gram or recurrent model) and `Composition` (published models to a mixture
or a cache) are plain data, shared by command line, TOML and HTTP. `build` and `compose` carry them out as generators
that yield progress; `published_counts` reads the n-gram counts of models that are extended or merged. For the tasks
there are `task_recipe` with `task_kinds`, `task_examples`, which reads labelled files, `initial_weights` and
`build_task`. What comes out is ready for `models.checkpoint.save`.
"""
