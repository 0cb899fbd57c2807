"""The package `app.cli.commands`."""
