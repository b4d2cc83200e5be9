"""Logs, metrics, traces and health: what an operator sees of the running program."""

__all__ = ["gauges", "health", "logs", "metrics", "stages", "tracing"]
