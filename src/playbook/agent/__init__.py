"""What stands around the model when it works on a task: finding documents, and what is built on finding them."""
