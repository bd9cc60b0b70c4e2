"""Text in, tokens out: sources, formats, tokenizers, the vocabulary and the token stream."""
