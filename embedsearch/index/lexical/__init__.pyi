from embedsearch.index.lexical.analysis import LexicalAnalyzer as LexicalAnalyzer
from embedsearch.index.lexical.index import (
    Contribution as Contribution,
    LexicalIndex as LexicalIndex,
    LexicalSnapshot as LexicalSnapshot,
)
from embedsearch.index.lexical.query import LexicalQuery as LexicalQuery

TANTIVY_FILES: str
FILE_NAMES: str
