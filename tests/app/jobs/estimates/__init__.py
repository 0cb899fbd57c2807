"""Tests of the estimates of jobs: mirrors `app/jobs/estimates`."""
