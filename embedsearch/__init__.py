"""Word embeddings and semantic search on your own text, on your own machine.

```python
import embedsearch as es

ws = es.build("docs/", "my.es")
ws.words.most_similar("king", topn=5)
ws.words.analogy("king - man + woman")
ws.search("boundary layer", topn=10)
```

Names are imported when they are first used: `import embedsearch` itself costs next to nothing.
"""

from __future__ import annotations

from embedsearch._lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
