"""MLflow: what was run, side by side. Stages write files and know nothing of it; this reads the files afterwards."""
