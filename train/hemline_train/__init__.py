"""Training: a recipe in, a run directory out. TensorFlow is imported only once a training starts."""
