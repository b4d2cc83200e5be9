"""Pictures and texts become unit vectors: loading, backends, micro-batching."""

__all__ = [
    "batch_limit",
    "batch_records",
    "benchmark_cache",
    "embedder",
    "encoder",
    "hub",
    "hub_check",
    "lazy",
    "load",
    "model",
    "preprocessor_config",
    "tokenizer",
    "transformers_logging",
    "trials",
]
