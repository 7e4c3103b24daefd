"""The DAG of dvc.yaml as a whole: read as data, run by another engine, recorded, explained, verified.

Everything here asks DVC for its resolved stages and names none of them. Stages know nothing of it, so that a change
here retrains nothing.
"""
