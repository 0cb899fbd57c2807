"""Tests of commands: mirrors `app/cli/commands`."""
