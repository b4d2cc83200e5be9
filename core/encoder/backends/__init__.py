"""One file for each way to run the two towers of a model."""

__all__ = ["base", "factory", "onnx", "openvino", "sequence_packing", "torch"]
