"""The composition root: settings become a running bot, which starts, reloads and stops."""

__all__ = ["encoder", "gallery", "serve", "worker"]
