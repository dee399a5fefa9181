"""From replicates to estimates: summaries, standard errors, intervals, bounds and planning."""
