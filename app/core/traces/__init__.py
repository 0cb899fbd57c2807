"""Traces of requests and jobs, for OpenTelemetry, where the settings name a collector.

Begin with `tracing`, which says what the service tells of its work and what it needs of a tracer; `opening` finds out
whether there is one. `otlp` sends, and alone imports OpenTelemetry.
"""
