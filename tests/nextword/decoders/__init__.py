"""Tests of the language models for decoders of others."""
