"""The web adapter: the page, the HTTP API, health and metrics."""
