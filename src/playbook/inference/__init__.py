"""From logits to text: sampling rules, and generation over a KV cache."""
