"""The HTTP server of all ports: bounds on connections, listening, secrets."""

__all__ = ["connections", "health", "listener", "secrets", "server"]
