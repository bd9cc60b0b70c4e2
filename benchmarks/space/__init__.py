"""Benchmarks of the tools on the latent space."""
