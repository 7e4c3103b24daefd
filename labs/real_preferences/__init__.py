"""Real preferences: a reward model and DPO on HH-RLHF, in a model that has read nothing else."""
