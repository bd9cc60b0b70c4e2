"""From files to documents: finding, opening and decoding sources, and guessing what is in them."""
