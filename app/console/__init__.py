"""The operator's console: a window process of its own, and the pipeline's link to it."""
