"""Fences around the examples of docstrings."""

import pytest

fences = pytest.importorskip("tools.doctest_fences", reason="griffe comes with `make docs`")


def test_fence_examples_puts_each_example_between_fences():
    docstring = "First line.\n\n>>> 1 + 1\n2\n>>> [\n...     3]\n[3]\n\nMore.\n\n>>> 4\n4"
    assert fences.fence_examples(docstring) == (
        "First line.\n\n```pycon\n>>> 1 + 1\n2\n>>> [\n...     3]\n[3]\n```\n\nMore.\n\n```pycon\n>>> 4\n4\n```"
    )


def test_fence_examples_leaves_a_docstring_without_examples_as_it_is():
    assert fences.fence_examples("First line.\n\nMore > less.") == "First line.\n\nMore > less."
