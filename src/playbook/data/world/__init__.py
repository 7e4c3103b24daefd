"""A small county that does not exist, with an exact table of its facts, and every corpus written from that table.

Reading order: config, names, values, facts, templates, biographies, questions, documents, conversations, gold,
preferences, rl_prompts, agent_tasks, sessions, generate.
"""
