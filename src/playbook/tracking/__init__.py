"""MLflow: what was run, shown side by side. Stages write files and know nothing of it; this reads the files afterwards."""
