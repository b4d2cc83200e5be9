"""The gallery of a first run, from packages that distributions carry."""
