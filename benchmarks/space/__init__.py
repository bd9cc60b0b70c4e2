"""Benchmarks of the tools on the latent space: `python -m benchmarks.space.NAME`."""
