from embedsearch.index.lexical.analysis import (
    LexicalAnalyzer as LexicalAnalyzer,
    detect_language as detect_language,
)
from embedsearch.index.lexical.index import LexicalIndex as LexicalIndex
from embedsearch.index.lexical.query import LexicalQuery as LexicalQuery
from embedsearch.index.lexical.scoring import (
    Contribution as Contribution,
    LexicalSnapshot as LexicalSnapshot,
)
