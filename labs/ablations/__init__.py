"""Which choices of model and training pay: the default with one choice changed, at equal CPU-seconds."""
