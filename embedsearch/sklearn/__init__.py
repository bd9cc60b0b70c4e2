"""For scikit-learn: texts and words as vectors of a model of your own, and tools on vectors.

```python
from embedsearch.sklearn import DocumentEncoder
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

pipeline = make_pipeline(DocumentEncoder(random_state=1), LogisticRegression())
grid = {"documentencoder__vector_size": [50, 100], "documentencoder__trainer": ["auto", "ppmi"]}
GridSearchCV(pipeline, grid).fit(texts, labels)
```
"""

from __future__ import annotations

from embedsearch.sklearn.transformers import DocumentEncoder, WordEncoder
from embedsearch.space.axes import IndependentAxes, SemanticAxis
from embedsearch.space.recommendation import ImplicitFactors
from embedsearch.space.sparse_features import SparseFeatures

__all__ = [
    "DocumentEncoder",
    "ImplicitFactors",
    "IndependentAxes",
    "SemanticAxis",
    "SparseFeatures",
    "WordEncoder",
]
