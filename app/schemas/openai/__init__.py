"""Requests and answers of the routes in the shape of OpenAI's API, with additions."""
