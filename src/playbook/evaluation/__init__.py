"""From records and models to measurements with intervals. Draws nothing and writes no page: that is `reporting`."""
