"""Tests of the filters for pipelines of others."""
