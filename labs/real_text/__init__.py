"""Tinyshakespeare, character by character: the training system on text that nobody generated for it."""
