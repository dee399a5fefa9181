"""How replicates are simulated: trajectories in tiles, blocks and chunks, on devices and in processes."""
