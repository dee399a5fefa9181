"""What is simulated: how weights move on random batches, alone, beside a control, or at several batch sizes."""
