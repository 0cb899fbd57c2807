"""Proofs that take long: `make prove`."""
