"""Loops compiled by Numba when they are first called, and kept on disk."""
