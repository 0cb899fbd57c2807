"""Programs for contributors: they make documents, place corpora and choose a build of PyTorch.

Run from the project's folder: `python -m tools.reference` (generated pages), `python -m tools.readme` (README's
answers), `python -m tools.picture` and `python -m tools.screenshots` (pictures of it at work),
`python -m tools.corpora` and `python tools/install_torch.py`. Nothing here is installed with the package.
"""
