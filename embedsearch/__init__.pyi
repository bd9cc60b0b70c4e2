from embedsearch import evaluation as evaluation, sklearn as sklearn
from embedsearch._errors import (
    CorpusTooSmallError as CorpusTooSmallError,
    DuplicateIdError as DuplicateIdError,
    EmbedSearchError as EmbedSearchError,
    InputError as InputError,
    MissingExtraError as MissingExtraError,
    NotTrainedError as NotTrainedError,
    ParameterError as ParameterError,
    QueryError as QueryError,
    SourceChangedError as SourceChangedError,
    SourceError as SourceError,
    SourceFormatError as SourceFormatError,
    SourceNotFoundError as SourceNotFoundError,
    StorageError as StorageError,
    UnknownCorpusError as UnknownCorpusError,
    UnknownDocumentError as UnknownDocumentError,
    UnknownKeyError as UnknownKeyError,
    UnknownWordError as UnknownWordError,
    VectorError as VectorError,
    WorkspaceDamagedError as WorkspaceDamagedError,
    WorkspaceError as WorkspaceError,
    WorkspaceExistsError as WorkspaceExistsError,
    WorkspaceLockedError as WorkspaceLockedError,
    WorkspaceNotFoundError as WorkspaceNotFoundError,
    WorkspaceReadOnlyError as WorkspaceReadOnlyError,
    WorkspaceVersionError as WorkspaceVersionError,
)
from embedsearch._progress import Progress as Progress
from embedsearch._types import (
    Document as Document,
    DocumentList as DocumentList,
    Explanation as Explanation,
    Facet as Facet,
    FacetCount as FacetCount,
    Highlight as Highlight,
    Hit as Hit,
    HitGroup as HitGroup,
    Hits as Hits,
    Metric as Metric,
    Neighbor as Neighbor,
    Neighbors as Neighbors,
    WordNeighbor as WordNeighbor,
    WordNeighbors as WordNeighbors,
)
from embedsearch._version import __version__ as __version__
from embedsearch.index.vector_index import (
    VectorIndex as VectorIndex,
)
from embedsearch.space.describe import Description as Description
from embedsearch.space.points import Points as Points
from embedsearch.text.corpora import (
    get_corpus as get_corpus,
    list_corpora as list_corpora,
)
from embedsearch.text.settings import (
    ReadSettings as ReadSettings,
    TokenizerSettings as TokenizerSettings,
)
from embedsearch.training.base import (
    EpochReport as EpochReport,
    TrainingReport as TrainingReport,
)
from embedsearch.training.gensim import (
    to_gensim as to_gensim,
)
from embedsearch.training.trainers import (
    TRAINERS as TRAINERS,
)
from embedsearch.vectors.encoders import (
    Encoder as Encoder,
)
from embedsearch.vectors.formats import VECTOR_FORMATS as VECTOR_FORMATS
from embedsearch.workspace.creation import (
    build as build,
    create as create,
    import_vectors as import_vectors,
    restore as restore,
)
from embedsearch.workspace.keyed_vectors import (
    Words as Words,
    WordVectors as WordVectors,
    load_vectors as load_vectors,
    save_vectors as save_vectors,
)
from embedsearch.workspace.maintenance.repair import (
    repair as repair,
)
from embedsearch.workspace.maintenance.verify import (
    verify as verify,
)
from embedsearch.workspace.models import (
    TrainedModel as TrainedModel,
    from_gensim as from_gensim,
    train_texts as train_texts,
)
from embedsearch.workspace.state import (
    migrate as migrate,
)
from embedsearch.workspace.workspace import (
    Workspace as Workspace,
    open as open,
)
