"""What is known given weights: the loss, its gradient, and the moments of the next batch."""
