"""Tests of workers: mirrors `app/worker`."""
