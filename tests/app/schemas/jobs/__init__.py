"""Tests of schemas: mirrors `app/schemas`."""
