"""Vector indexes on FAISS, exact and compressed, in files that are mapped."""
