"""What each family of commands does."""
