"""The collections: catalogue, vectors, sources of pictures and reindexing."""
