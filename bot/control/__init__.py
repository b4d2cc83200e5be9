"""A command asks the running bot of its data folder, over a Unix socket, for the work."""

__all__ = ["client", "server"]
