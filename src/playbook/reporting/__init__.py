"""From metrics files, curves and records to tables, figures and pages. Measures nothing; no number is typed."""
