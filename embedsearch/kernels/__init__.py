"""Everything that Numba compiles, and nothing else."""
