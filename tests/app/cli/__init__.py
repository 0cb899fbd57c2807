"""Tests of the command line: mirrors `app/cli`."""
