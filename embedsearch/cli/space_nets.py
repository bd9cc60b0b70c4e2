"""Paths through the space, and points that are made up: their verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from embedsearch.cli.options import (
    USUAL_SPACE,
    count_option,
    encoder_option,
    of_option,
    on_workspace,
    output_options,
    quiet_option,
    seed_option,
    where_option,
)
from embedsearch.cli.output import Answer, show
from embedsearch.workspace import GENERATORS, PATHS, POINTS

if TYPE_CHECKING:
    from embedsearch.workspace import Generated, PointPath, Progress, Workspace

_DECIMALS = 6
_HIDDEN = frozenset({"name"})


@click.command()
@click.argument("start")
@click.argument("end")
@on_workspace()
@click.option(
    "--method",
    type=click.Choice(PATHS),
    default=PATHS[0],
    show_default=True,
    help="From neighbour to neighbour; on the arc or the line; between codes of an autoencoder.",
)
@click.option(
    "--of",
    type=click.Choice(POINTS),
    help="What lies on the path. [words between two words, else documents]",
)
@encoder_option(USUAL_SPACE)
@where_option
@count_option("--steps", default=7, least=2, help="Places, if not from neighbour to neighbour.")
@count_option("--neighbors", "n_neighbors", default=10, help="Of each point, to step to.")
@count_option("-k", "--topn", default=5, help="How many words of each place to show.")
@quiet_option
@output_options
def path(
    ws: Workspace,
    start: str,
    end: str,
    method: str,
    of: str | None,
    encoder: str | None,
    where: str | None,
    steps: int,
    n_neighbors: int,
    topn: int,
    progress: Progress,
    output: str | None,
) -> None:
    """Say what lies between START and END.

    START and END are words, ids, or any texts. From neighbour to neighbour, the path is the
    shortest; its weakest step says how well both ends hang together.

    \b
    embedsearch path king cat -w my.es
    embedsearch path a1 b2 --method spherical --steps 5 -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    found = ws.space.path(
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
    show(_path(found), output)


@click.command()
@on_workspace()
@count_option("-n", "--samples", default=5, help="How many points to make up.")
@click.option(
    "--method",
    type=click.Choice(GENERATORS),
    default=GENERATORS[0],
    show_default=True,
    help="A variational autoencoder; mixing neighbours; to compare, a normal distribution, a GAN.",
)
@of_option("What they are like.")
@encoder_option(USUAL_SPACE)
@where_option
@seed_option
@count_option("-k", "--topn", default=10, help="How many words of each to show.")
@quiet_option
@output_options
def generate(
    ws: Workspace,
    samples: int,
    method: str,
    of: str,
    encoder: str | None,
    where: str | None,
    seed: int,
    topn: int,
    progress: Progress,
    output: str | None,
) -> None:
    """Make up points, and say what they are about.

    Each is given its words and the nearest point. What was learned is kept in the workspace, until
    its documents or vectors change.

    \b
    embedsearch generate -n 3 -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    found = ws.space.generate(
        samples,
        method=method,
        of=of,
        encoder=encoder,
        where=where,
        topn=topn,
        seed=seed,
        progress=progress,
    )
    show(_generated(found), output)


def _path(found: PointPath) -> Answer:
    records = [
        {
            "position": round(step.position, _DECIMALS),
            "kind": step.kind,
            "name": step.name,
            "title": step.title,
            "score": round(step.score, _DECIMALS),
            "step": step.step and round(step.step, _DECIMALS),
            "words": [word.word for word in step.words],
        }
        for step in found.steps
    ]
    weakest, notes = found.weakest, list[str]()
    # On an arc or a line, all steps are alike.
    if found.method == PATHS[0] and weakest is not None:
        before = found.steps[found.steps.index(weakest) - 1]
        notes = [f"weakest step: {before.title} to {weakest.title} ({weakest.step:.2f})"]
    named = all(step.name == step.title for step in found.steps)
    hidden = frozenset({"title", "kind"} if named else {"kind"})
    columns = ("position", "kind", "name", "title", "score", "step", "words")
    return Answer(records, columns, hidden, notes=tuple(notes), document=found.to_json())


def _generated(found: Generated) -> Answer:
    records = [
        {
            "sample": number,
            "words": [word.word for word in one.words],
            "name": one.nearest[0].id,
            "score": round(one.nearest[0].score, _DECIMALS),
            "title": one.nearest[0].title,
        }
        for number, one in enumerate(found.samples, 1)
    ]
    notes = ["too few points to say how good these are"]
    if found.quality is not None:
        density, coverage, copying, _ = found.quality
        notes = [
            f"by points held out: density {density:.2f} (1 is right), coverage {coverage:.2f} (of "
            f"1), distance from training points {copying:.2f} of that of real ones"
        ]
    columns = ("sample", "words", "name", "score", "title")
    return Answer(records, columns, notes=tuple(notes), document=found.to_json())
