"""Language models and nothing else: no HTTP, settings, database, threads or asyncio."""
