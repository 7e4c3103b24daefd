"""How much of the machine a training step uses, and how that compares with `transformers` on the same shapes."""
