"""LLM-as-a-judge: may a judge be believed? Judges whose faults are planted must be found out, gold must not."""
