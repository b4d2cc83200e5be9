"""The values, errors and ports that every room knows. Imports no other room."""
