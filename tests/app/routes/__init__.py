"""Tests of routes: mirrors `app/routes`."""
