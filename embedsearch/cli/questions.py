"""Questions about words and documents: their verbs, and their answers as records."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from embedsearch._errors import QueryError
from embedsearch._messages import counted
from embedsearch.cli.options import (
    count_option,
    feedback_option,
    lean_option,
    method_option,
    on_workspace,
    output_options,
    quiet_option,
    topn_option,
    where_option,
)
from embedsearch.cli.output import Answer, answer, show
from embedsearch.workspace import LOW_RELEVANCE, SEARCH_MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from embedsearch._types import Facet, Hit, HitGroup, Hits, WordNeighbors
    from embedsearch.cli.options import Check
    from embedsearch.workspace import Progress, Workspace


# Scores are float32, which has about seven digits.
_DECIMALS = 6
_SHOWN_PAIRS = 6
_COLUMNS = ("id", "score", "relevance", "title", "snippet", "metadata", "source", "highlights")
_WITHOUT_SNIPPETS = ("id", "score", "relevance", "title", "metadata", "source")
_HIDDEN = frozenset({"metadata", "source", "highlights"})
_EXPLAINED = (
    "explanation: what adds to the score, the strongest first; car ~ auto is a word of the query "
    "and one of the document that is near in meaning"
)


class Question(click.Command):
    """A verb with a query for its arguments; `ask` answers one without the command line."""

    ask: Callable[..., Answer]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what was typed; what is taken for an option may have been a part of a query."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name.startswith("--"):
                raise
            advice = "What begins with - and is no option goes after --."
            raise click.UsageError(f"{error.format_message()} {advice}", ctx) from error


def question(
    *arguments: click.Argument, between: str = " ", check: Check | None = None
) -> Callable[[Callable[..., Answer]], Question]:
    """Make a verb of a function of a workspace, a query and options; `-` reads many queries.

    `between` is put between the arguments, to make a line of them as it would be read.
    """

    def decorate(ask: Callable[..., Answer]) -> Question:
        @on_workspace(check=check)
        @wraps(ask)
        def run(ws: Workspace, output: str | None, **options: Any) -> None:
            query = _query([options.pop(str(argument.name)) for argument in arguments], between)
            answer(query, lambda line: ask(ws, line, **options), output)

        command = click.command(ask.__name__.replace("_", "-"), cls=Question)(run)
        # Here, as click shows parameters in their order: arguments come before all options.
        command.params[:0] = arguments
        command.ask = ask
        return command

    return decorate


def _query(given: list[Any], between: str) -> str:
    """Make one line of what was given for the arguments."""
    words = [word for one in given for word in (one if isinstance(one, tuple) else (one,))]
    return between.join(word for word in words if word is not None)


def _pair_question(ask: Callable[..., Answer]) -> Question:
    """Make a verb of a question about two words, which may be on one line."""

    @wraps(ask)
    def ask_line(ws: Workspace, line: str) -> Answer:
        words = split_words(line)
        if len(words) != 2:
            raise QueryError(f"two words are needed, apart by a blank or a tab; got {line!r}")
        return ask(ws, *words)

    words = click.Argument(["a"]), click.Argument(["b"], required=False)
    return question(*words, between="\t", check=_check_pair)(ask_line)


def _check_pair(a: str, b: str | None, **_: Any) -> str | None:
    # `-` alone stands for lines of both.
    return "Missing argument 'B'." if b is None and a != "-" else None


def split_words(line: str) -> list[str]:
    """Cut a line into words: at tabs where it has any, else at blanks."""
    parts = line.split("\t") if "\t" in line else line.split()
    return [part.strip() for part in parts]


exact_option = click.option(
    "--exact", is_flag=True, help="Compare with every word, whatever the index."
)


@question(click.Argument(["word"]))
@topn_option
@click.option(
    "--metric",
    type=click.Choice(["cosine", "euclidean"]),
    default="cosine",
    show_default=True,
    help="Measure of similarity; a Euclidean score is minus the distance.",
)
@click.option(
    "--restrict-vocab",
    type=click.IntRange(min=1),
    metavar="N",
    help="Consider only the N most frequent words.",
)
@click.option(
    "--rare", is_flag=True, help="Rank all words by the score alone: rare ones come up, too."
)
@exact_option
@output_options
def neighbors(
    ws: Workspace,
    word: str,
    topn: int = 10,
    metric: str = "cosine",
    restrict_vocab: int | None = None,
    rare: bool = False,
    exact: bool = False,
) -> Answer:
    """Show the words nearest to WORD. `similar` is the same command.

    The score is the cosine, and count how often the word occurs. Of words that occur a few times
    the cosine is a rough estimate; so words are ranked by the lower end of its confidence
    interval, which --json shows. Stop words are left out unless WORD is one, or with --rare.

    With - as WORD, words are read from standard input, one per line.
    """
    if metric == "euclidean":
        from embedsearch._types import WordNeighbor, WordNeighbors

        near = ws.words.most_similar(
            word, topn=topn, restrict_vocab=restrict_vocab, metric=metric, exact=exact
        )
        found = (WordNeighbor(*each, ws.words.get_count(each.word)) for each in near)
        return _words_found(WordNeighbors(found, near.inferred))
    evidence = 0 if rare else "auto"
    return _words_found(
        ws.words.neighbors(
            word, topn=topn, evidence=evidence, restrict_vocab=restrict_vocab, exact=exact
        )
    )


@question(click.Argument(["expression"], nargs=-1, required=True, metavar="EXPRESSION"))
@topn_option
@method_option
@exact_option
@output_options
def analogy(
    ws: Workspace, expression: str, topn: int = 10, method: str = "3cosadd", exact: bool = False
) -> Answer:
    """Show the words nearest to an EXPRESSION of words.

    \b
    embedsearch analogy "king - man + woman"
    embedsearch analogy "0.5 * paris + 2 * berlin - 'new york'"

    With - as EXPRESSION, expressions are read from standard input, one per line.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    return _words_found(ws.words.analogy(expression, topn, method, exact))


def _words_found(found: WordNeighbors) -> Answer:
    records = [
        {
            name: rounded(value) if isinstance(value, float) else value
            for name, value in near._asdict().items()
        }
        for near in found
    ]
    # Where counts are not known, so that there are no intervals, all of the column is empty.
    uncounted = {"count"} if all(near.count is None for near in found) else set()
    note = f"not in the vocabulary, inferred from parts of words: {', '.join(found.inferred)}"
    return Answer(
        records,
        ("word", "score", "count", "low", "high"),
        hidden=frozenset({"low", "high"} | uncounted),
        notes=(note,) if found.inferred else (),
    )


@_pair_question
@output_options
def similarity(ws: Workspace, a: str, b: str) -> Answer:
    """Show how similar two words are.

    The score is the cosine of the angle between the words A and B. With - alone, pairs are read
    from standard input, one per line, separated by a blank or a tab.
    """
    return Answer.one({"a": a, "b": b, "score": rounded(ws.words.similarity(a, b))})


@question(click.Argument(["words"], nargs=-1, required=True, metavar="WORD..."), between="\t")
@output_options
def odd_one_out(ws: Workspace, line: str) -> Answer:
    """Show which WORD fits the others least.

    With - alone, groups of words are read from standard input, one group per line.
    """
    words = split_words(line)
    return Answer.one({"word": ws.words.doesnt_match(words), "words": words})


@_pair_question
@output_options
def closer(ws: Workspace, a: str, b: str) -> Answer:
    """Show the words that are closer to A than B is.

    They are compared by the score alone. With - alone, pairs are read from standard input, one
    per line.
    """
    words = [{"word": word} for word in ws.words.closer_than(a, b)]
    return Answer(words, ("word",), empty=f"no word is closer to {a!r} than {b!r}")


@_pair_question
@output_options
def rank(ws: Workspace, a: str, b: str) -> Answer:
    """Show the place of B among the words nearest to A.

    They are ordered by the score alone, as by neighbors --rare; the nearest word has place 1.
    With - alone, pairs are read from standard input, one per line.
    """
    return Answer.one({"a": a, "b": b, "rank": int(ws.words.rank(a, b))})


def _check_search(
    sort: str | None, group_by: str | None, facet: str | None, **_: Any
) -> str | None:
    several = [sort, group_by, facet].count(None) < 2
    return "Give one of --sort, --group-by and --facet." if several else None


@question(click.Argument(["query"], nargs=-1, required=True, metavar="QUERY"), check=_check_search)
@topn_option
@click.option(
    "--mode",
    type=click.Choice(SEARCH_MODES),
    default="auto",
    show_default=True,
    help="hybrid: words and meaning; lexical: words; latent: meaning; auto: hybrid, or lexical if "
    "there are no word vectors.",
)
@where_option
@lean_option(
    "Lean towards words, -1 or -2 (words alone), or towards meaning, 1 or 2 (meaning alone)."
)
@click.option(
    "--min-relevance",
    type=click.FloatRange(0, 1),
    metavar="X",
    default=0.0,
    help="Leave out documents of less relevance, from 0 to 1.",
)
@click.option("--sort", metavar="FIELD", help="Order the hits by a field; -FIELD in reverse.")
@click.option(
    "--group-by",
    metavar="FIELD",
    help="Show the best hit for each value of a field, or of source, and how many hits have it.",
)
@click.option("--facet", metavar="FIELD", help="Count the hits by the values of a field instead.")
@click.option("--explain", is_flag=True, help="Show what each score is made of.")
@click.option("--expand", is_flag=True, help="Also look for words close to rare ones of QUERY.")
@feedback_option("Move the query in meaning towards the first N hits, and search once more.")
@click.option(
    "--no-snippets",
    "snippets",
    flag_value=False,
    default=True,
    help="Show no passages, which takes half of the time or less.",
)
@output_options
def search(
    ws: Workspace,
    text: str,
    topn: int = 10,
    mode: str = "auto",
    where: str | None = None,
    *,
    sort: str | None = None,
    group_by: str | None = None,
    facet: str | None = None,
    **named: Any,
) -> Answer:
    """Show the documents that answer QUERY best.

    A document need not have all words. In QUERY, +word must occur, -word must not, and
    "words in quotes" are a phrase; then the shell needs quotes around the whole. A QUERY that
    begins with - goes after --, or it would be taken for an option.

    \b
    embedsearch search how to boil an egg -w my.es
    embedsearch search 'egg "boiling point" -frying' -w my.es
    embedsearch search -w my.es -- -frying egg

    The relevance of a document is from 0 to 1, on one scale for all queries; --json and
    --explain also show the score that documents are ordered by.

    Words of the snippet that are in QUERY, or close to one in meaning, are bold on a terminal;
    --json gives their positions. --explain shows what adds most to a score: words in both,
    "car ~ vehicle" for two that are close in meaning, and "first hits" for likeness to the best
    documents of a first search.

    --sort, --group-by and --facet look at the N best hits of -k. Fields are named as in --where.

    \b
    embedsearch search egg -k 100 --group-by source -w my.es
    embedsearch search egg -k 100 --facet year -w my.es

    With - as QUERY, queries are read from standard input, one per line.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    found = ws.search(text, topn, mode, where, **named)
    columns = [*(_COLUMNS if named.get("snippets", True) else _WITHOUT_SNIPPETS)]
    columns += ["explanation"] if named.get("explain") else []
    if facet is not None:
        answer = counts(found.facet(facet), of="hit")
        answer = replace(answer, notes=(*_notes(found), *answer.notes))
    elif group_by is not None:
        answer = _groups_found(found, found.group_by(group_by), columns)
    else:
        hits = found if sort is None else found.sort_by(sort)
        answer = documents_found(hits, ws, where, columns)
    if found.mode == mode or named.get("lean"):
        return answer
    why, verb = "there are no word vectors yet; to train some", "train"
    if ws.is_trained:
        why, verb = "words alone were learned; to find documents by meaning, too", "index"
    advice = f"embedsearch {verb} -w {shlex.quote(str(ws.path))}"
    note = f"searched by words alone, as {why}: {advice}"
    return replace(answer, notes=(note, *answer.notes))


def _groups_found(found: Hits, groups: Sequence[HitGroup], columns: Sequence[str]) -> Answer:
    """Return the best hit of each group, after the value that they share and their number."""
    best = found.with_hits(hits[0] for _, hits in groups)
    answer = documents_found(best, columns=columns)
    note = f"{counted(len(groups), 'group')} of {counted(len(found), 'hit')}"
    return replace(
        answer,
        records=[
            {"group": value, "hits": len(hits), **record}
            for (value, hits), record in zip(groups, answer.records, strict=True)
        ],
        columns=("group", "hits", *answer.columns),
        notes=(*answer.notes, note),
        texts={**answer.texts, "group": plain},
    )


def counts(facet: Facet, topn: int = 0, of: str = "document") -> Answer:
    """Return the counts of a field as an answer; 0 shows all."""
    values = [each for each in facet if each.value is not None]
    shown = [*facet] if not topn or len(values) <= topn else values[:topn]
    without = sum(each.documents for each in facet if each.value is None)
    notes = [f"of {counted(facet.total, of)}"]
    if without:
        notes.append(f"{without:,} without {facet.field}")
    if len(shown) < len(values):
        notes.append(f"the {len(shown):,} most frequent of {len(values):,} values")
    return Answer(
        [{**each._asdict(), "share": rounded(each.share)} for each in shown],
        ("value", "documents", "share"),
        notes=(", ".join(notes),),
        empty="",
        texts={"value": plain, "share": "{:.1%}".format},
    )


def plain(value: Any) -> Any:
    """Return a value of metadata for a table: a year has no thousands apart."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _check_like(ids: tuple[str, ...], texts: tuple[str, ...], **_: Any) -> str | None:
    return None if ids or texts else "Missing argument 'ID...' or option '--text'."


@question(click.Argument(["ids"], nargs=-1, metavar="ID..."), between="\t", check=_check_like)
@topn_option
@click.option(
    "--less",
    "less",
    multiple=True,
    metavar="ID",
    help="Less like this document; repeat it for more.",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="Also like this text; repeat it for more.",
)
@where_option
@output_options
def related(
    ws: Workspace,
    line: str,
    topn: int = 10,
    less: Sequence[str] = (),
    texts: Sequence[str] = (),
    where: str | None = None,
) -> Answer:
    """Show the documents that are most like those called ID.

    With several, such as all that somebody has read, this is what to read next. An identical text
    has the score 1; half of the likeness to each document of --less is subtracted. A workspace
    of your own vectors (`embedsearch import --vectors`) without a text model compares those.

    \b
    embedsearch related 305 -w my.es
    embedsearch related 305 112 --less 7 --where "year > 1990" -w my.es

    With - as ID, ids are read from standard input: one per line, or several separated by tabs.
    """  # noqa: D301 - click ends its own wrapping at a backspace
    from embedsearch._types import Document

    ids = [id for id in line.split("\t") if id]
    # Documents with vectors of your own may have no text that could be compared.
    if not ws.goes_by_vectors:
        like: list[str | Document] = [*ids, *(Document("", text) for text in texts)]
        found = ws.documents.most_similar(like, less, topn, where)
        return documents_found(found, ws, where)
    if texts:
        raise QueryError("texts cannot be compared with vectors; give ids")
    found = ws.vectors.most_similar(ids, less, topn, where)
    return documents_found(found, ws, where)


@click.command()
@on_workspace()
@click.option(
    "--threshold",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.8,
    show_default=True,
    metavar="SHARE",
    help="The lowest score to show.",
)
@click.option("--groups", is_flag=True, help="Show groups instead of pairs.")
@count_option("-k", "--topn", default=0, help="How many to show; 0 for all.", least=0)
@quiet_option
@output_options
def duplicates(
    ws: Workspace,
    threshold: float,
    groups: bool,
    topn: int,
    progress: Progress,
    output: str | None,
) -> None:
    """Show documents that are nearly the same.

    The score is the share of three-word sequences that both have: at 0.8 about one word in
    thirty differs, at 1 none. All pairs are found. Many copies of a text make very many pairs,
    but one group. The workspace need not be trained.
    """
    if groups:
        found = ws.documents.duplicate_groups(threshold, progress)[: topn or None]
        titles = _titles(ws, found)
        records = [
            {"documents": len(ids), "ids": list(ids), "titles": [titles[id] for id in ids]}
            for ids in found
        ]
        columns: tuple[str, ...] = ("documents", "ids", "titles")
    else:
        pairs = ws.documents.duplicates(threshold, progress)[: topn or None]
        titles = _titles(ws, ((pair.a, pair.b) for pair in pairs))
        records = [
            {
                "a": pair.a,
                "b": pair.b,
                "score": rounded(pair.score),
                "title_a": titles[pair.a],
                "title_b": titles[pair.b],
            }
            for pair in pairs
        ]
        columns = ("a", "b", "score", "title_a", "title_b")
    hidden = frozenset(() if any(titles.values()) else {"titles", "title_a", "title_b"})
    if not records:
        share = f"{threshold:.0%} of their three-word sequences"
        progress.note(f"nothing found: no two documents share {share}")
    show(Answer(records, columns, hidden=hidden, empty=""), output)


def _titles(ws: Workspace, groups: Iterable[Iterable[str]]) -> dict[str, str]:
    found = {id: ws.documents.get(id) for group in groups for id in group}
    # Another process may have deleted one meanwhile.
    return {id: "" if document is None else document.title for id, document in found.items()}


def documents_found(
    found: Hits,
    ws: Workspace | None = None,
    where: str | None = None,
    columns: Sequence[str] = _COLUMNS,
) -> Answer:
    """Return hits as an answer; the workspace knows why there are none.

    JSON has all that is known of each; a table marks the highlights on a terminal, and of an
    explanation has the strongest pairs of words.
    """
    explained = "explanation" in columns
    # The scores of different queries cannot be compared; parts of an explanation add up to them.
    unshown = {"relevance"} if found.relevance is None else set() if explained else {"score"}
    return Answer(
        list(map(_record, found)),
        tuple(columns),
        hidden=_HIDDEN | unshown,
        notes=tuple(_notes(found)),
        empty="nothing found" if found or ws is None else _why_empty(found, ws, where),
        texts={"explanation": _strongest, "relevance": "{:.2f}".format},
        marks={"snippet": "highlights"},
    )


def _why_empty(found: Hits, ws: Workspace, where: str | None) -> str:
    if found.relevance is not None:
        return f"nothing fits: the best relevance is {found.relevance:.2f}"
    if not ws.documents:
        return "nothing found: the workspace has no documents"
    if where is None:
        return "nothing found"
    meeting = ws.documents.count(where)
    if not meeting:
        return f"nothing found: no document meets {where}"
    return f"nothing found among the {counted(meeting, 'document')} that meet {where}"


def _record(hit: Hit) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": hit.id,
        "score": rounded(hit.score),
        "relevance": None if hit.relevance is None else rounded(hit.relevance),
        "title": hit.title,
        "snippet": hit.snippet,
        "metadata": dict(hit.metadata),
        "source": hit.source,
        "highlights": [{**mark._asdict(), "score": rounded(mark.score)} for mark in hit.highlights],
    }
    if hit.explanation is not None:
        record["explanation"] = hit.explanation.to_json()
    return record


def _strongest(explanation: Mapping[str, Any]) -> str:
    from embedsearch._types import Explanation, Part

    parts = tuple(Part(**part) for part in explanation["parts"])
    rebuilt = Explanation(explanation["score"], parts)
    pairs = rebuilt.strongest(len(parts))
    words = [pair for pair in pairs if not pair.through][:_SHOWN_PAIRS]
    first = sum(pair.contribution for pair in pairs if pair.through)
    others = rebuilt.score - first - sum(pair.contribution for pair in words)
    moved = [f"first hits {first:.2f}"] if first else []
    return ", ".join([*map(str, words), *moved, f"others {others:.2f}"])


def _notes(found: Hits) -> list[str]:
    notes = list(found.warnings)
    if found and (explanation := found[0].explanation) is not None:
        notes.append(_EXPLAINED)
        if explanation.weights:
            weights = ", ".join(f"{name} {each:g}" for name, each in explanation.weights.items())
            notes.append(f"weights: {weights}")
    if found.unknown:
        words = []
        for word in found.unknown:
            near = ", ".join(found.suggestions.get(word, ())[:3])
            words.append(f"{word} (did you mean {near}?)" if near else word)
        notes.append(f"words in no document: {', '.join(words)}")
    if found.expanded:
        added = (f"{word} (near {typed} {near:.2f})" for typed, word, near, _ in found.expanded)
        notes.append(f"looked for, too: {', '.join(added)}")
    if found and found.relevance is not None and found.relevance < LOW_RELEVANCE:
        notes.append(f"nothing fits well: the best relevance is {found.relevance:.2f}")
    if found.unexpanded:
        notes.append(f"no word was added: {found.unexpanded}")
    return notes


def rounded(score: float) -> float:
    """Return a score with the digits that mean something."""
    return round(float(score), _DECIMALS)
