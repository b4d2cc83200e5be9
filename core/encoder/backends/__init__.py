"""One file for each way to run the two towers of a model."""
