"""Search that suits the user's own judgements: `tune` and `judge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch._messages import counted
from embedsearch.cli.options import on_workspace, output_options, quiet_option, wait_option
from embedsearch.cli.output import Answer, show

if TYPE_CHECKING:
    from embedsearch.workspace import Progress, Tuning, Workspace


def _check_tune(queries: str | None, qrels: str | None, reset: bool, **_: object) -> str | None:
    if reset:
        return "--reset takes no files." if queries else None
    return "Missing argument 'QRELS'." if queries and not qrels else None


@click.command()
@click.argument("queries", required=False, type=click.Path())
@click.argument("qrels", required=False, type=click.Path())
@on_workspace("w", check=_check_tune)
@click.option("--reset", is_flag=True, help="Search by the usual weights again.")
@wait_option
@quiet_option
@output_options
def tune(
    ws: Workspace,
    queries: str | None,
    qrels: str | None,
    reset: bool,
    progress: Progress,
    output: str | None,
) -> None:
    """Choose the weights of search by judged queries of your own.

    QUERIES and QRELS are files in the layout of BEIR or TREC; without them, the judgements of
    `embedsearch judge` are taken. Twenty queries or more are needed. Other weights are taken only
    if cross-validation shows that they are better; they stay until --reset, also when the
    workspace is trained again.

    \b
    embedsearch tune queries.jsonl qrels/test.tsv -w my.es
    embedsearch tune --reset -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    if reset:
        ws.untune()
        progress.note("Search goes by the usual weights.")
        if output is not None:
            show(Answer.facts({"tuning": None}), output)
        return
    tuning = ws.tune(queries=queries, qrels=qrels, progress=progress)
    progress.note(_outcome(tuning))
    if tuning.missing:
        judged = counted(tuning.missing, "judgement")
        progress.note(f"{judged} did not count: there are no documents of these ids.")
    show(Answer.facts(tuning.to_json()), output)


def _outcome(tuning: Tuning) -> str:
    gain = f"nDCG@10 {tuning.before:.3f} with the usual weights, {tuning.after:.3f} with tuned ones"
    judged = f"{gain} (cross-validation over {counted(tuning.queries, 'query', 'queries')})."
    if not tuning.kept:
        return f"{judged} That is too little: search goes by the usual weights."
    return f"{judged} Search goes by these now; `embedsearch tune --reset` takes the usual ones."


def _check_judge(
    query: str | None, id_: str | None, irrelevant: bool, forget: bool, list_: bool, **_: object
) -> str | None:
    if list_:
        return "--list takes no arguments." if query or irrelevant or forget else None
    if irrelevant and forget:
        return "--not and --forget do not go together."
    return None if query and id_ else f"Missing argument {'ID' if query else 'QUERY'!r}."


@click.command()
@click.argument("query", required=False)
@click.argument("id_", metavar="ID", required=False)
@on_workspace(lambda list_, **_: "r" if list_ else "w", check=_check_judge)
@click.option("--not", "irrelevant", is_flag=True, help="It does not answer QUERY.")
@click.option("--forget", is_flag=True, help="Forget what was said of both.")
@click.option("--list", "list_", is_flag=True, help="List all judgements.")
@wait_option
@quiet_option
@output_options
def judge(
    ws: Workspace,
    query: str | None,
    id_: str | None,
    irrelevant: bool,
    forget: bool,
    list_: bool,
    progress: Progress,
    output: str | None,
) -> None:
    """Say that the document called ID answers QUERY.

    Judgements are kept in the workspace; `embedsearch tune` chooses the weights of search by them.

    \b
    embedsearch judge "heat flow" 305 -w my.es
    embedsearch judge "heat flow" 17 --not -w my.es
    embedsearch judge --list -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    if list_:
        columns = ("query", "id", "relevant")
        records = [judgement._asdict() for judgement in ws.judgements]
        show(Answer(records, columns, empty="no judgements"), output)
        return
    assert query is not None and id_ is not None  # noqa: S101, PT018 - checked
    relevant = None if forget else not irrelevant
    ws.judge(query, id_, relevant)
    judged = ws.judgements
    if output is not None:
        show(Answer.one({"query": query, "id": id_, "relevant": relevant}), output)
    queries = counted(len({each.query for each in judged}), "query", "queries")
    progress.note(f"{counted(len(judged), 'judgement')} of {queries}.")
