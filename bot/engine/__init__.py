"""What answers questions, put together from concrete classes for any command that needs it."""
