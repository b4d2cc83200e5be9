"""The HTTP server of all ports: bounds on connections, listening, secrets."""
