"""Routes that single trades ask for."""
