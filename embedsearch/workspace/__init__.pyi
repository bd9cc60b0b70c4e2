from embedsearch._progress import (
    Progress as Progress,
)
from embedsearch.evaluation.base import (
    Report as Report,
)
from embedsearch.search.concordance import (
    ConcordanceLine as ConcordanceLine,
)
from embedsearch.search.counting import (
    Keyword as Keyword,
)
from embedsearch.search.options import (
    KINDS as KINDS,
    LINE_ORDERS as LINE_ORDERS,
    LOW_RELEVANCE as LOW_RELEVANCE,
    METRICS as METRICS,
    SEARCH_MODES as SEARCH_MODES,
    WORD_ORDERS as WORD_ORDERS,
)
from embedsearch.space.describe import (
    Description as Description,
)
from embedsearch.space.map_files import (
    Map as Map,
)
from embedsearch.space.options import (
    AXES as AXES,
    CLUSTER_METHODS as CLUSTER_METHODS,
    GENERATORS as GENERATORS,
    MAP_METHODS as MAP_METHODS,
    OUTLIER_METHODS as OUTLIER_METHODS,
    PATHS as PATHS,
    POINT_KINDS as POINT_KINDS,
    POINTS as POINTS,
    TOPIC_METHODS as TOPIC_METHODS,
)
from embedsearch.space.paths import (
    PointPath as PointPath,
)
from embedsearch.space.points import (
    Points as Points,
)
from embedsearch.store.documents import (
    Changes as Changes,
)
from embedsearch.text.corpora import (
    CorpusEntry as CorpusEntry,
    get_corpus as get_corpus,
    list_corpora as list_corpora,
)
from embedsearch.text.settings import (
    ACCENTS as ACCENTS,
    CONFLICTS as CONFLICTS,
    DIGITS as DIGITS,
    ELISIONS as ELISIONS,
    FORMATS as FORMATS,
    SEGMENTATIONS as SEGMENTATIONS,
    SPLITS as SPLITS,
    TOKENIZERS as TOKENIZERS,
    ReadSettings as ReadSettings,
    TokenizerSettings as TokenizerSettings,
)
from embedsearch.text.source_stream import (
    LeftOut as LeftOut,
)
from embedsearch.text.tokenizers import (
    resolve_stop_words as resolve_stop_words,
)
from embedsearch.training.base import (
    TrainingReport as TrainingReport,
)
from embedsearch.training.trainers import (
    TRAINERS as TRAINERS,
)
from embedsearch.vectors import (
    ENCODING_ERRORS as ENCODING_ERRORS,
)
from embedsearch.vectors.formats import (
    VECTOR_FORMATS as VECTOR_FORMATS,
    WRITABLE_FORMATS as WRITABLE_FORMATS,
)
from embedsearch.workspace.completion import (
    complete_fields as complete_fields,
    complete_ids as complete_ids,
    complete_languages as complete_languages,
    complete_words as complete_words,
)
from embedsearch.workspace.creation import (
    add_vectors as add_vectors,
    build as build,
    create as create,
    import_vectors as import_vectors,
    opened_or_created as opened_or_created,
    restore as restore,
)
from embedsearch.workspace.documents import (
    Documents as Documents,
)
from embedsearch.workspace.info import (
    Info as Info,
)
from embedsearch.workspace.maintenance.backup import (
    BackupReport as BackupReport,
)
from embedsearch.workspace.maintenance.compact import (
    CompactReport as CompactReport,
)
from embedsearch.workspace.maintenance.repair import (
    RepairReport as RepairReport,
    repair as repair,
)
from embedsearch.workspace.maintenance.verify import (
    Problem as Problem,
    VerifyReport as VerifyReport,
    verify as verify,
)
from embedsearch.workspace.preferences import (
    Judgement as Judgement,
    Tuning as Tuning,
)
from embedsearch.workspace.space_axes import (
    Axis as Axis,
)
from embedsearch.workspace.space_generation import (
    Generated as Generated,
)
from embedsearch.workspace.space_outliers import (
    Outlier as Outlier,
    Outliers as Outliers,
)
from embedsearch.workspace.space_recommend import (
    Recommendation as Recommendation,
)
from embedsearch.workspace.space_topics import (
    Topics as Topics,
)
from embedsearch.workspace.state import (
    MigrateReport as MigrateReport,
    migrate as migrate,
)
from embedsearch.workspace.texts import (
    Texts as Texts,
)
from embedsearch.workspace.workspace import (
    Workspace as Workspace,
    open as open,
)
