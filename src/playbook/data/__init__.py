"""What a model is trained on: the generated world, the user's own text, token files, batches. Knows no model."""
