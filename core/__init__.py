"""The search engine of Tangerine: value types, ports and use cases, free of any platform."""
