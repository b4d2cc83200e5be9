"""What every platform speaks with the chat: commands, requests, replies and ports, as values."""
