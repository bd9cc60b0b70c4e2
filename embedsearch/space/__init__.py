"""Tools on the latent space itself: what is in it, in words, in pictures, and what is not."""
