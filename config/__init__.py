"""The settings of Tangerine."""
