"""`Workspace.space`: the latent space, its points, and the tools on them.

Each method hands over to the module that does the work, which is imported only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch.space.options import DOCUMENTS, WORDS
from embedsearch.workspace.space_points import SpacePoints

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.workspace.space_axes import Axis
    from embedsearch.workspace.space_recommend import Interaction, Recommendation


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

    def recommend(
        self,
        read: str | Iterable[str] = (),
        unread: str | Iterable[str] = (),
        *,
        interactions: str | Path | Iterable[Interaction] | None = None,
        user: str | None = None,
        learned: bool = False,
        topn: int = 10,
        where: str | None = None,
        progress: Progress | None = None,
    ) -> list[Recommendation]:
        """Recommend documents to somebody who has read some, and say because of which.

        Without interactions it goes by content, as `Documents.most_similar`. With them it goes by
        what people with the same taste have read, by factors that are drawn to the content of
        the documents, so that those that nobody has read are recommended, too; see
        `embedsearch.space.recommendation.ImplicitFactors`. The factors are kept in the workspace.

        ```python
        ws.space.recommend(["a1", "b2"], unread=["c3"])
        ws.space.recommend(["a1"], interactions=[("ann", "a1"), ("ann", "d4", 2.0), ...])
        ws.space.recommend(interactions="reads.tsv", user="ann")
        ws.space.recommend(["a1"], learned=True)  # by the interactions given last
        ```

        Args:
            read: Ids of what was read. They are not among the answers.
            unread: Ids of what was refused: it, and what is like it, is less recommended.
            interactions: Who has read what: tuples of a user, an id and perhaps a weight (1 by
                default; below 0 for what was refused), or a file of such lines, with tabs or
                commas between them. Ids that do not exist are left out.
            user: Recommend to this user of the interactions; `read` is added to what they read.
            learned: Go by the factors that were kept last.
            topn: How many, at most.
            where: A condition on metadata, as for `Workspace.search`.
            progress: Hears of the rounds of the fit, and what was left out.

        Raises:
            UnknownDocumentError: There is none of an id.
            QueryError: Nothing was read, a user is unknown, or nothing follows from what was read.
            WorkspaceError: Nothing was kept, or it was made of earlier vectors.
            InputError: The interactions name no document, or cannot be read.
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
        """
        from embedsearch.workspace import space_recommend

        return space_recommend.recommend(
            self,
            self._session,
            read,
            unread,
            interactions=interactions,
            user=user,
            learned=learned,
            topn=topn,
            where=where,
            progress=progress,
        )
