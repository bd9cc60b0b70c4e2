"""Tools on the latent space beside their rivals."""
