"""Maps of the latent space: `map`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from embedsearch.cli.options import (
    USUAL_SPACE,
    encoder_option,
    on_workspace,
    output_options,
    quiet_option,
    seed_option,
    where_option,
)
from embedsearch.cli.output import Answer, show
from embedsearch.workspace import MAP_METHODS, POINTS

if TYPE_CHECKING:
    from embedsearch.workspace import Progress, Workspace

_COLUMNS = ("label", "size", "x", "y")


def _check_placed(new: bool, **options: Any) -> str | None:
    given = [name for name in ("what", "method", "where", "encoder", "topn") if options[name]]
    if new and given:
        return f"--new takes the map as it is: without --{given[0].replace('what', 'of')}."
    return None


@click.command("map")
@on_workspace(check=_check_placed)
@click.option(
    "--of", "what", type=click.Choice(POINTS), multiple=True, help="May be repeated.  [documents]"
)
@click.option("--method", type=click.Choice(MAP_METHODS), help="How it is made.  [auto]")
@click.option(
    "--dimensions", "n_components", type=click.IntRange(2, 3), default=2, show_default=True
)
@click.option(
    "-o", "--output-file", "file", metavar="FILE", help="Write it: .html, .svg, .png or .tsv."
)
@click.option("--color", metavar="FIELD", help="Colour documents by a field.  [by region]")
@click.option("--new", is_flag=True, help="Take the last map, and place documents added since.")
@where_option
@click.option("--topn", type=click.IntRange(min=1), metavar="N", help="Only the N first words.")
@encoder_option(USUAL_SPACE)
@seed_option
@quiet_option
@output_options
def map_(
    ws: Workspace,
    what: tuple[str, ...],
    method: str | None,
    n_components: int,
    file: str | None,
    color: str | None,
    new: bool,
    where: str | None,
    topn: int | None,
    encoder: str | None,
    seed: int,
    progress: Progress,
    output: str | None,
) -> None:
    """Make a map of documents, words or both.

    The answer lists the regions of the map, largest first, with what they are about. -o map.html
    writes one page that needs nothing but a browser: move about, search, see titles.

    \b
    embedsearch map -o map.html -w my.es
    embedsearch map --of words --topn 5000 -o words.svg -w my.es
    embedsearch map --of words --of documents --topn 1000 -o both.html -w my.es
    embedsearch map --color year -o years.html -w my.es
    """  # noqa: D301 - click ends its own wrapping at a backspace
    if new:
        made = ws.space.place_on_map(color=color, seed=seed)
    else:
        made = ws.space.map(
            what or "documents",
            method=method or "auto",
            n_components=n_components,
            encoder=encoder,
            where=where,
            topn=topn,
            color=color,
            seed=seed,
            progress=progress,
        )
    if file is not None:
        made.save(file, title=ws.path.name)
    records = [
        {"label": each.label, "size": each.size, "x": round(each.x, 3), "y": round(each.y, 3)}
        for each in made.regions
    ]
    notes = (*made.notes, made.caption, *([] if file is None else [f"written to {file}"]))
    show(Answer(records, _COLUMNS, notes=notes, document=made.to_json()), output)
