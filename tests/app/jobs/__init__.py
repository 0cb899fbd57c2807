"""Tests of jobs: mirrors `app/jobs`."""
