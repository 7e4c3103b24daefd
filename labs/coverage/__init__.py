"""Do the 95% intervals hold the truth in 95 of 100 cases? On data made up so that the truth is known."""
