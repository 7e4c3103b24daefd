"""GPTMini, readable from top to bottom. Reading order: attention, rope, norm, mlp, block, gpt, kv_cache, checkpoint.

A model maps token ids to logits and nothing else: losses, optimizers and sampling live elsewhere.
"""
