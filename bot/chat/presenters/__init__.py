"""From a handler's results to a neutral reply, in one language."""
