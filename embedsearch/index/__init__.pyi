from embedsearch.index.vector_index import VectorIndex as VectorIndex
