"""Tests of storage: mirrors `app/storage`."""
