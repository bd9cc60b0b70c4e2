"""Files of word vectors, from anywhere and for anywhere: one module for each format."""
