"""Ways of finding passages, measured on two public collections and on the playbook's own notes."""
