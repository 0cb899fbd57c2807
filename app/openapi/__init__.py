"""The OpenAPI document of the service, as far as FastAPI does not derive it from routes and schemas."""
