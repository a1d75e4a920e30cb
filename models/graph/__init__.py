"""Rewrites of an exported network's ONNX graph: constants folded, batched, in 16 bits; needs `onnx`."""
