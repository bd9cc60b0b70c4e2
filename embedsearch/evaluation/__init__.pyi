from embedsearch.evaluation.base import Report as Report
from embedsearch.evaluation.classification_quality import (
    ClassificationReport as ClassificationReport,
    classification as classification,
)
from embedsearch.evaluation.collections import (
    Collection as Collection,
    load_collection as load_collection,
    read_run as read_run,
    write_run as write_run,
)
from embedsearch.evaluation.human_judgements import (
    LeeReport as LeeReport,
    PairReport as PairReport,
    lee as lee,
    pairs as pairs,
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
    METRICS as METRICS,
    RetrievalReport as RetrievalReport,
    Searcher as Searcher,
    parse_metrics as parse_metrics,
    retrieval as retrieval,
)
from embedsearch.evaluation.word_analogies import (
    AnalogyReport as AnalogyReport,
    analogies as analogies,
)
from embedsearch.evaluation.word_sets import (
    STANDARD_SETS as STANDARD_SETS,
    resolve_set as resolve_set,
)
