from embedsearch.evaluation.base import Report as Report
from embedsearch.evaluation.classification_quality import (
    ClassificationReport as ClassificationReport,
    classification as classification,
)
from embedsearch.evaluation.collections import (
    Collection as Collection,
    load_collection as load_collection,
)
from embedsearch.evaluation.lee_corpus import (
    LeeReport as LeeReport,
    lee as lee,
)
from embedsearch.evaluation.metrics import (
    METRICS as METRICS,
    parse_metrics as parse_metrics,
)
from embedsearch.evaluation.neighbor_stability import (
    StabilityReport as StabilityReport,
    stability as stability,
)
from embedsearch.evaluation.recall import (
    IndexReport as IndexReport,
    index_recall as index_recall,
)
from embedsearch.evaluation.retrieval_quality import (
    RetrievalReport as RetrievalReport,
    Searcher as Searcher,
    retrieval as retrieval,
)
from embedsearch.evaluation.trec_runs import (
    read_run as read_run,
    write_run as write_run,
)
from embedsearch.evaluation.word_analogies import (
    AnalogyReport as AnalogyReport,
    analogies as analogies,
)
from embedsearch.evaluation.word_pairs import (
    PairReport as PairReport,
    pairs as pairs,
)
from embedsearch.evaluation.word_sets import (
    STANDARD_SETS as STANDARD_SETS,
    resolve_set as resolve_set,
)
