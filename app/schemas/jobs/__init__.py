"""Bodies of requests and answers on jobs."""
