"""GRPO on whole episodes of the search loop, retrieved text left out of the loss: what it changes, seed by seed."""
