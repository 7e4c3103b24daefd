"""A language model that acts: tools, memory, and the loop that drives them. Knows no evaluation and no training."""
