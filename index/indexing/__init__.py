"""A folder becomes a collection: scan, plan, encode, commit, watch."""
