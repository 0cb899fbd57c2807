"""Routes in the shape of OpenAI's API, for the clients that people already have."""
