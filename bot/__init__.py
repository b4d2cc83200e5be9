"""The chats: commands, replies and one thin adapter for each platform."""
