"""Completion of typed text: whole words and phrases, right context, noisy keys, a user's own words."""
