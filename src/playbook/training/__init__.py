"""One way to train: a starting model, batches, an objective.

Reading order: losses, schedule, muon, optimizer, stability, state, validation, trainer.
"""
