"""How a small model learns to choose among passages: one ingredient left out at a time."""
