"""The command line's signatures, on typer. Heavy imports wait for :mod:`bot.tasks`."""

__all__ = ["main"]
