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
from embedsearch.space.autoencoder import Autoencoder, VariationalAutoencoder
from embedsearch.space.axes import IndependentAxes, SemanticAxis
from embedsearch.space.clusters import DensityClusters, SphericalKMeans, WardTree
from embedsearch.space.gan import WassersteinGAN
from embedsearch.space.generation import GaussianGenerator, NeighborMixture, generation_quality
from embedsearch.space.maps import SpaceMap
from embedsearch.space.outliers import (
    ForestOutliers,
    LocalOutliers,
    NeighborOutliers,
    ReconstructionOutliers,
    false_discoveries,
)
from embedsearch.space.plsa import PLSA
from embedsearch.space.recommendation import ImplicitFactors
from embedsearch.space.sparse_features import SparseFeatures
from embedsearch.space.topics import TopicModel

__all__ = [
    "PLSA",
    "Autoencoder",
    "DensityClusters",
    "DocumentEncoder",
    "ForestOutliers",
    "GaussianGenerator",
    "ImplicitFactors",
    "IndependentAxes",
    "LocalOutliers",
    "NeighborMixture",
    "NeighborOutliers",
    "ReconstructionOutliers",
    "SemanticAxis",
    "SpaceMap",
    "SparseFeatures",
    "SphericalKMeans",
    "TopicModel",
    "VariationalAutoencoder",
    "WardTree",
    "WassersteinGAN",
    "WordEncoder",
    "false_discoveries",
    "generation_quality",
]
