"""Logs, metrics, traces and health: what an operator sees of the running program."""
