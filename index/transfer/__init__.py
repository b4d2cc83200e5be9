"""``export`` and ``import``: a collection as a folder of open formats."""
