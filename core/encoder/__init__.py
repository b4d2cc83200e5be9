"""Pictures and texts become unit vectors: loading, backends, micro-batching."""

__all__ = [
    "batch_limit",
    "batch_records",
    "choice",
    "embedder",
    "encoder",
    "hub",
    "hub_check",
    "known",
    "lazy",
    "load",
    "model",
    "preprocessor_config",
    "query_cache",
    "tokenizer",
    "torch_needed",
    "transformers_logging",
    "trials",
]
