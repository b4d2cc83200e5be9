"""The HTTP server of all ports: bounds on connections, listening, secrets."""

__all__ = ["connections", "listener", "secrets", "server"]
