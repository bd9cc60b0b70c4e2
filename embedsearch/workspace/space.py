"""`Workspace.space`: the latent space, its points, and the tools on them.

Each method hands over to the module that does the work, which is imported only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch.space.options import CLUSTERS, DOCUMENTS, TOPIC_METHODS, WORDS
from embedsearch.workspace.space_points import SpacePoints

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.space.map_files import Map
    from embedsearch.space.paths import PointPath
    from embedsearch.workspace.space_axes import Axis
    from embedsearch.workspace.space_generation import Generated
    from embedsearch.workspace.space_outliers import Outliers
    from embedsearch.workspace.space_recommend import Interaction, Recommendation
    from embedsearch.workspace.space_topics import TopicQuality, Topics


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

    def topics(
        self,
        n_topics: int | None = None,
        *,
        method: str = CLUSTERS,
        encoder: str | None = None,
        where: str | None = None,
        over: str | None = None,
        topn: int = 10,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Topics:
        """Find what the documents are about: topics, their words, and who belongs where.

        See `embedsearch.space.topics.TopicModel`. The same seed gives the same topics to the bit,
        another one nearly the same. Every document has a topic; those that lie farther from it
        than others do are said to fit nowhere (`misfits`).

        ```python
        topics = ws.space.topics(20)
        topics[0].words, topics[0].documents
        topics.merge([[3, 7]]); topics.split(0); topics.reduce(10)  # nothing is fitted again
        ws.space.topics(20, over="year").shares  # (years, topics)
        topics.keep()  # `ws.space.kept_topics()` places later documents in them
        ```

        Args:
            n_topics: How many; None takes the number that halves of the documents agree on best.
            method: "clusters"; to compare, "plsa", "lda", "nmf" or "lsa", which need a number.
            encoder: Whose space "clusters" are of; by default "lsa-100".
            where: Only documents that meet a condition.
            over: A field of metadata, such as a year, over which the shares of topics are given.
            topn: How many words of each, at most.
            seed: Of the random numbers.
            progress: Hears of the work.

        Raises:
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
            InputError: There are fewer documents than topics.
            QueryError: No document meets the condition, or has the field.
        """
        from embedsearch.workspace import space_topics

        return space_topics.topics(
            self,
            self._session,
            n_topics,
            method=method,
            encoder=encoder,
            where=where,
            over=over,
            topn=topn,
            seed=seed,
            progress=progress,
        )

    def compare_topics(
        self,
        n_topics: int,
        methods: Iterable[str] = TOPIC_METHODS,
        *,
        encoder: str | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[TopicQuality]:
        """Compare methods of finding topics: coherence, diversity, stability, time.

        Args:
            n_topics: How many topics each finds.
            methods: "clusters", "plsa", "lda", "nmf", "lsa"; each is run with two seeds.
            encoder: Whose space "clusters" are of; by default "lsa-100".
            seed: The first seed.
            progress: Hears of each run.

        Raises:
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
            InputError: There are fewer documents than topics.
        """
        from embedsearch.workspace import space_topics

        return space_topics.compare_topics(
            self,
            self._session,
            n_topics,
            methods,
            encoder=encoder,
            seed=seed,
            progress=progress,
        )

    def kept_topics(self, topn: int = 10) -> Topics:
        """Return the topics that were kept, with all documents that there are now.

        Raises:
            WorkspaceError: None were kept, or they are older than the vectors.
        """
        from embedsearch.workspace import space_topics

        return space_topics.kept_topics(self, self._session, topn)

    def clusters(
        self,
        n_clusters: int | None = None,
        *,
        of: str = DOCUMENTS,
        method: str = "kmeans",
        encoder: str | None = None,
        where: str | None = None,
        topn: int = 10,
        seed: int = 0,
    ) -> Topics:
        """Find clusters of documents, words or vectors, each with words and members.

        Args:
            n_clusters: How many; None takes the number that halves of the points agree on best.
            of: "documents", "words" (the 10,000 most frequent) or "vectors".
            method: "kmeans" (spherical) or "ward"; `model.cut(k)` cuts its tree elsewhere.
            encoder: Whose space; see `points`.
            where: Only documents or vectors that meet a condition.
            topn: How many words of each, at most.
            seed: Of the random numbers.

        Raises:
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
            InputError: There are fewer points than clusters.
            QueryError: There are no points.
        """
        from embedsearch.workspace import space_topics

        return space_topics.clusters(
            self,
            n_clusters,
            of=of,
            method=method,
            encoder=encoder,
            where=where,
            topn=topn,
            seed=seed,
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

    def map(
        self,
        what: str | Iterable[str] = DOCUMENTS,
        *,
        method: str = "auto",
        n_components: int = 2,
        n_neighbors: int | None = None,
        encoder: str | None = None,
        where: str | None = None,
        topn: int | None = None,
        color: str | None = None,
        n_regions: int | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Map:
        """Make a map of documents, words, or both, with what its regions are about.

        ```python
        made = ws.space.map(color="year")
        made.save("map.html")  # a page to move about in; also .svg, .png and .tsv
        ```

        The map is kept in the workspace, for `place_on_map`.

        Args:
            what: As for `points`, as `encoder`, `where` and `topn` are.
            method: As for `embedsearch.sklearn.SpaceMap`.
            n_components: 2 or 3 dimensions.
            n_neighbors: Neighbours of each point that are kept together.
            encoder: Whose space.
            where: Only documents that meet a condition.
            topn: Only the most frequent words.
            color: A field of the metadata by whose values points are coloured; by default they
                are by region.
            n_regions: Into how many regions the map is parted by k-means; by default up to 40.
            seed: Of what is drawn at random.
            progress: Hears of the steps.

        Raises:
            QueryError: No point meets the condition, or no document has the field.
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
        """
        from embedsearch.workspace import space_maps

        return space_maps.make_map(
            self,
            self._session,
            what,
            method=method,
            n_components=n_components,
            n_neighbors=n_neighbors,
            encoder=encoder,
            where=where,
            topn=topn,
            color=color,
            n_regions=n_regions,
            seed=seed,
            progress=progress,
        )

    def place_on_map(
        self, *, color: str | None = None, n_regions: int | None = None, seed: int = 0
    ) -> Map:
        """Show the last map with the documents that there are now, without moving the others.

        Args:
            color: As for `map`, as the others are.
            n_regions: Into how many regions the map is parted.
            seed: Of what is drawn at random.

        Raises:
            WorkspaceError: No map was made of these vectors.
            ParameterError: A parameter is of a wrong type.
        """
        from embedsearch.workspace import space_maps

        return space_maps.place_on_map(self, self._session, color, n_regions, seed)

    def generate(
        self,
        n_samples: int = 5,
        *,
        method: str = "vae",
        of: str = DOCUMENTS,
        encoder: str | None = None,
        where: str | None = None,
        topn: int = 10,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Generated:
        """Make up points like those there are, and say what they would be about.

        ```python
        made = ws.space.generate(3)
        made.samples[0].words, made.samples[0].nearest, made.quality
        ```

        - "vae", a variational autoencoder, makes new ones that are like real ones.
        - "neighbors" mixes points with their neighbours: the safest, and the least new.
        - "gaussian", one normal distribution, and "gan", a Wasserstein GAN, are there to compare
          with: what they make is hardly ever like a text.

        What was learned is kept in the workspace, until its documents or vectors change.

        Args:
            n_samples: How many.
            method: One of the above.
            of: "documents", "words" (the 20,000 most frequent) or "vectors", the user's own.
            encoder: Whose space; see `points`.
            where: Only documents (and vectors) that meet a condition.
            topn: How many words of each, at most.
            seed: For the same ones on every run.
            progress: Hears of the training.

        Raises:
            CorpusTooSmallError: There are fewer than two points.
            QueryError: The condition does not parse, or is for words.
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
        """
        from embedsearch.workspace import space_generation

        return space_generation.generate(
            self,
            self._session,
            n_samples,
            method=method,
            of=of,
            encoder=encoder,
            where=where,
            topn=topn,
            seed=seed,
            progress=progress,
        )

    def path(
        self,
        start: str,
        end: str,
        *,
        method: str = "neighbors",
        of: str | None = None,
        encoder: str | None = None,
        where: str | None = None,
        steps: int = 7,
        n_neighbors: int = 10,
        topn: int = 5,
        progress: Progress | None = None,
    ) -> PointPath:
        """Find a path from one point to another, and say what lies on it.

        ```python
        path = ws.space.path("king", "cat")         # from word to word
        path = ws.space.path("a1", "b2")            # from document to document
        path.steps, path.weakest, path.vectors
        ```

        - "neighbors": from point to point, each near to the one before; the shortest way. Its
          weakest step says how well both ends hang together.
        - "spherical": at equal angles on the arc from end to end; "straight": on the line.
        - "codes": on the line between the codes of an `Autoencoder` of all points.

        Args:
            start: An id, a word or a text.
            end: The same.
            method: One of the above.
            of: What lies on the path: "documents", "words" (the 20,000 most frequent) or
                "vectors"; by default words if both ends are words and no ids, else documents.
            encoder: Whose space; see `points`.
            where: Only documents (and vectors) that meet a condition.
            steps: How many places, of a path that is not from point to point.
            n_neighbors: Of each point, to which steps can go; more if both ends are not connected.
            topn: How many words of each place, at most.
            progress: Hears of the training of an autoencoder.

        Raises:
            QueryError: No path leads there, both ends are one, or a text has no known word.
            UnknownDocumentError, UnknownWordError: There is no such end.
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
        """
        from embedsearch.workspace import space_paths

        return space_paths.path(
            self,
            self._session,
            start,
            end,
            method=method,
            of=of,
            encoder=encoder,
            where=where,
            steps=steps,
            n_neighbors=n_neighbors,
            topn=topn,
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
        [(each.id, each.p_value, each.words) for each in ws.space.outliers()]
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
