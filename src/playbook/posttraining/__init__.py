"""After pretraining and SFT: losses that learn from preferences, rewards and groups of samples.

Reading order: log_probabilities, then from preferences: reward_loss, dpo, simpo, orpo, kto, preference_metrics; from
sampled completions: grpo, policy_losses, rloo, ppo, best_of_n; and how far it all moved: divergence.
Every loss is a pure function of tensors: nothing here knows the model, the optimizer or where the samples come from.
"""
