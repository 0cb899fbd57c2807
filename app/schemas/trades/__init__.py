"""Requests and answers of the routes that single trades ask for."""
