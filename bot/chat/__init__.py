"""The conversation, whatever the platform: a request in, its permission checked, a reply out."""
