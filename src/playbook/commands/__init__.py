"""Entry points for people that are no nodes of the DAG: `python -m playbook.commands.NAME`, wrapped by the Makefile."""
