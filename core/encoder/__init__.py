"""Pictures and texts become unit vectors: loading, backends, micro-batching."""
