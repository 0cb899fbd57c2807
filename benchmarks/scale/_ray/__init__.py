"""Simulated Ray cluster: its nodes, a service whose jobs it does, and scoring on it."""
