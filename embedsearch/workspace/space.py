"""`Workspace.space`: the latent space, its points, and the tools on them.

Each method hands over to the module that does the work, which is imported only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch.space.options import DOCUMENTS, WORDS
from embedsearch.workspace.space_points import SpacePoints

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedsearch._progress import Progress
    from embedsearch.workspace.space_axes import Axis
    from embedsearch.workspace.space_outliers import Outliers


class Space(SpacePoints):
    """The latent space of a workspace.

    Words, documents and the user's own vectors are points of it; an encoder says in which space:

    - "lsa-100" and "lsa-300": latent semantic analysis, as search uses it. What is here can be
      said in words best, and is the default for documents.
    - "words": that of the word vectors, in which documents are weighted means of their words, as
      `ws.words.vectors` and `ws.documents.vectors` have it. The default for words.
    - "vectors": the user's own, `ws.vectors`.
    - the name of an encoder that was plugged in: only documents are points there.
    """

    def axis(
        self,
        positive: str | Iterable[str] | None = None,
        negative: str | Iterable[str] | None = None,
        *,
        of: str = DOCUMENTS,
        encoder: str | None = None,
        positive_where: str | None = None,
        negative_where: str | None = None,
        where: str | None = None,
        topn: int = 10,
        refine: bool = True,
    ) -> Axis:
        """Find the axis from one pole to another, and what is at its ends.

        ```python
        axis = ws.space.axis(["good", "great"], ["bad", "poor"])
        axis.words, axis.opposite, axis.p_value
        axis.model.transform(ws.space.points(encoder=axis.encoder))  # where documents are on it
        ws.space.axis(positive_where="year > 1990", negative_where="year < 1960")
        ```

        The axis between the poles is fitted again to the points that are farthest out on it, so
        that it no longer hangs on the few words that were given; see
        `embedsearch.space.axes.SemanticAxis`.

        Args:
            positive: Words, ids or texts, as for `describe`.
            negative: The same, for the other end.
            of: What is placed on it, and it is refined by: "documents" or "words".
            encoder: Whose space; by default the LSA with the most dimensions.
            positive_where: Instead of `positive`, documents that meet a condition.
            negative_where: Instead of `negative`.
            where: Only these documents are placed on it.
            topn: How many words and points of each end, at most.
            refine: Whether to fit the axis again.

        Raises:
            QueryError: A pole has no known word, or both are at the same place.
            ParameterError: A parameter is of a wrong type, or a pole is missing.
        """
        from embedsearch.workspace import space_axes

        return space_axes.axis(
            self,
            positive,
            negative,
            of=of,
            encoder=encoder,
            positive_where=positive_where,
            negative_where=negative_where,
            where=where,
            topn=topn,
            refine=refine,
        )

    def axes(
        self,
        of: str = WORDS,
        *,
        method: str = "ica",
        n_components: int | None = None,
        encoder: str | None = None,
        where: str | None = None,
        topn: int = 10,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Axis]:
        """Find the axes that words or documents have by themselves, and name their ends.

        Independent components ("ica") are directions in which a few points are far out: each has
        something in common. Only those are kept that come back with other seeds; see
        `embedsearch.space.axes.IndependentAxes`. Principal components ("pca") are the directions
        of the largest variance, and mix more.

        Args:
            of: "words", of which the 10,000 most frequent are taken, or "documents".
            method: "ica" or "pca".
            n_components: How many to look for; by default as many as there are dimensions, or 10
                principal ones.
            encoder: Whose space; see `points`.
            where: Only documents that meet a condition.
            topn: How many words and points of each end, at most.
            seed: Of the first run.
            progress: Hears of each run.

        Raises:
            QueryError: There are fewer than three points.
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
        """
        from embedsearch.workspace import space_axes

        return space_axes.axes(
            self,
            of,
            method=method,
            n_components=n_components,
            encoder=encoder,
            where=where,
            topn=topn,
            seed=seed,
            progress=progress,
        )

    def outliers(
        self,
        of: str = DOCUMENTS,
        *,
        method: str = "auto",
        where: str | None = None,
        reference: str | None = None,
        topn: int = 10,
        alpha: float | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Outliers:
        """Find the points that have least in common with the others, and say why.

        ```python
        for outlier in ws.space.outliers():
            print(outlier.id, outlier.p_value, outlier.words)
        ws.space.outliers(reference="checked = true", alpha=0.1)  # of the others, which are strange
        ```

        Documents are compared by how much of their words they share with their neighbours, at
        their length; see `embedsearch.space.outliers`.

        Args:
            of: "documents", "words", of which the 10,000 most frequent are taken, or "vectors".
            method: "neighbors", "lof" (local outlier factor), "forest" (isolation forest) or
                "reconstruction" (principal components); "auto" is by neighbors.
            where: Only documents or vectors that meet a condition.
            reference: A condition for those that are known to be as they should be. All others
                are compared with them, and have p-values that hold: of strangers to the
                reference, not of ranks.
            topn: How many, at most.
            alpha: With a reference: only those that can be called outliers with so large a share
                of wrong ones (Benjamini and Hochberg 1995).
            seed: Of what is drawn at random.
            progress: Hears of long steps.

        Raises:
            QueryError: There are fewer than two points to compare with, or none to compare.
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
            NotTrainedError: There are no such points.
        """
        from embedsearch.workspace import space_outliers

        return space_outliers.outliers(
            self,
            self._session,
            of,
            method=method,
            where=where,
            reference=reference,
            topn=topn,
            alpha=alpha,
            seed=seed,
            progress=progress,
        )

    def odd_one_out(self, items: Iterable[str], *, encoder: str | None = None) -> str:
        """Return which of three or more documents or words fits the others least.

        It is that with the lowest mean cosine with the others; of equal ones, the first.

        Args:
            items: Ids, words or texts, as for `describe`.
            encoder: Whose space; by default "words", or if there is an id among them, the LSA with
                the most dimensions.

        Raises:
            QueryError: There are fewer than three, or one has no known word.
        """
        from embedsearch.workspace import space_outliers

        return space_outliers.odd_one_out(self, self._session, items, encoder)
