"""Text <-> token ids. Reading order: special_tokens, bpe (ours, to read), tokenizer (the one at work), chat."""
