"""Calls of every route by curl, httpx and OpenAI's client, as the documentation shows them."""
