"""Questions about words and documents, answered."""
