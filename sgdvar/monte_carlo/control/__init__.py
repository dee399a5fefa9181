"""Control variates: what is simulated on the same batches, or known of the weights, and has mean 0."""
