"""The command line. Typer's room; each command's work is imported only when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

# Plain help: `--help` must answer in under 200 ms, and rich takes as long again.
app = typer.Typer(
    name="tocsin",
    help="An alerting desk: watches sources, matches rules, publishes feeds and webhooks.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
sources = typer.Typer(help="What is watched.", no_args_is_help=True, rich_markup_mode=None)
deliveries = typer.Typer(
    help="What was sent, and what is owed.", no_args_is_help=True, rich_markup_mode=None
)
endpoints = typer.Typer(
    help="Who is told: webhooks, mail and chats.", no_args_is_help=True, rich_markup_mode=None
)
feeds = typer.Typer(
    help="What is published, and who may read what is private.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
silences = typer.Typer(
    help="Who is not told for a while.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(sources, name="sources")
app.add_typer(feeds, name="feeds")
app.add_typer(deliveries, name="deliveries")
app.add_typer(endpoints, name="endpoints")
app.add_typer(silences, name="silences")

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to standard output.")]


class Chosen:
    """The desk that was chosen on the command line, or None for the usual places."""

    desk: Path | None = None


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tocsin {version('tocsin')}")
        raise typer.Exit


@app.callback()
def _global(
    context: typer.Context,
    desk: Annotated[
        Path | None,
        typer.Option("--desk", metavar="DIR", help="The desk's folder [$TOCSIN_DESK, ./desk, .]."),
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = desk


@app.command()
def init(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Write the starter desk; nothing that exists is overwritten."""
    from watcher.commands.desk import init as command

    command(folder or context.obj or Path("desk"), json=json)


@app.command()
def check(context: typer.Context, json: Json = False) -> None:
    """Check settings, sources and rules; exit 1 when something is wrong."""
    from watcher.commands.desk import check as command

    command(context.obj, json=json)


@app.command()
def fmt(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", show_default=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 where a file would change.")
    ] = False,
    json: Json = False,
) -> None:
    """Format rule files, or the desk's; comments are kept, and what a rule asks stays the same."""
    from watcher.commands.fmt import fmt as command

    command(context.obj, paths or [], dry=check, json=json)


@app.command()
def test(
    context: typer.Context,
    rules: Annotated[
        list[str] | None, typer.Argument(metavar="[RULE]...", show_default=False)
    ] = None,
    at: Annotated[
        Path | None,
        typer.Option(
            "--rules", metavar="PATH", help="A rule file or a folder of them [the desk's]."
        ),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write JUnit XML, for CI.")
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Write annotations for GitHub's CI.")
    ] = False,
    json: Json = False,
) -> None:
    """Run the examples that stand inside the rules; exit 1 when one fails."""
    from watcher.commands.examples import test as command

    command(context.obj, rules or [], at, json=json, junit=junit, github=github)


@app.command()
def run(context: typer.Context) -> None:
    """Run everything in one process: polls, matches, webhooks, feeds and pages."""
    from watcher.commands.run import run as command

    command(context.obj)


@app.command()
def poll(
    context: typer.Context,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this source, due or not.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every source, due or not.")] = False,
    json: Json = False,
) -> None:
    """Look at the due sources once, send what is due, and exit."""
    from watcher.commands.work import poll as command

    command(context.obj, source, everything=all_, json=json)


@app.command()
def ingest(
    context: typer.Context,
    articles: Annotated[list[str], typer.Argument(metavar="FILE-or-URL...")],
    source: Annotated[
        str, typer.Option(metavar="NAME", help="The source that they belong to.")
    ] = "inbox",
    json: Json = False,
) -> None:
    """Take articles in: files, feed documents or addresses; they are matched and alerted on."""
    from watcher.commands.work import ingest as command

    command(context.obj, articles, source, json=json)


@app.command()
def match(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", show_default=False)
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A rule file or a folder of them [the desk's]."),
    ] = None,
) -> None:
    """Match articles without a store: .txt, .md, .html, .jsonl; no FILE reads JSON Lines."""
    from watcher.commands.rules import match as command

    command(context.obj, files or [], rules)


@app.command()
def explain(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(metavar="RULE")],
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", show_default=False)] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A rule file or a folder of them [the desk's]."),
    ] = None,
    json: Json = False,
) -> None:
    """Show what of a rule held for an article, and what did not; without FILE, what it asks for."""
    from watcher.commands.rules import explain as command

    command(context.obj, rule, file, rules, json=json)


@app.command()
def backtest(
    context: typer.Context,
    rules: Annotated[
        list[str] | None, typer.Argument(metavar="[RULE]...", show_default=False)
    ] = None,
    since: Annotated[str, typer.Option(metavar="LENGTH", help="How far back: 30d, 12h.")] = "30d",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="FILE-or-GITREV", help="Show what the desk's rules gain and lose against these."
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write Markdown, for a pull request.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what rules would have matched in the store, and what an edit adds and loses."""
    from watcher.commands.backtest import command

    command(context.obj, rules or [], since, against, json=json, markdown=markdown)


@app.command()
def publish(
    context: typer.Context,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the static site is written.")],
    json: Json = False,
) -> None:
    """Write all feeds, the OPML and the pages as a static site."""
    from watcher.commands.publish import publish as command

    command(context.obj, out, json=json)


@app.command()
def migrate(context: typer.Context, json: Json = False) -> None:
    """Bring the store's tables up to date now, as a start does; a copy from before is kept."""
    from watcher.commands.keeping import migrate as command

    command(context.obj, json=json)


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    json: Json = False,
) -> None:
    """Copy the store, in one state, to a new FILE; a desk may run meanwhile."""
    from watcher.commands.keeping import backup as command

    command(context.obj, file, json=json)


@app.command()
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    json: Json = False,
) -> None:
    """Make a copy the store again, after checking it; the store of now is kept beside it."""
    from watcher.commands.keeping import restore as command

    command(context.obj, file, json=json)


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    json: Json = False,
) -> None:
    """Write the whole store as JSON Lines to a new FILE, for other programs and other stores."""
    from watcher.commands.keeping import export as command

    command(context.obj, file, json=json)


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    json: Json = False,
) -> None:
    """Take what `export` wrote into an empty store, all or nothing."""
    from watcher.commands.keeping import take_in as command

    command(context.obj, file, json=json)


@app.command()
def doctor(context: typer.Context, json: Json = False) -> None:
    """Check desk, store, disk and endpoints, and say what to do."""
    from watcher.commands.doctor import doctor as command

    command(context.obj, json=json)


@sources.command("list")
def sources_list(context: typer.Context, json: Json = False) -> None:
    """Show each source, its health, and when it is read next."""
    from watcher.commands.sources import show as command

    command(context.obj, json=json)


@sources.command("add")
def sources_add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Its name [made of its title].")] = "",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="It may stand on a private address.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would bring; write nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Find the feed at or behind an address, show what it brings, and add it to sources.yaml."""
    from watcher.commands.adding import add as command

    command(context.obj, url, name, allow_private=allow_private, dry=dry_run, json=json)


@sources.command("import")
def sources_import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.opml")],
    json: Json = False,
) -> None:
    """Add the feeds of an OPML file to sources.yaml."""
    from watcher.commands.opml import import_opml as command

    command(context.obj, file, json=json)


@sources.command("export")
def sources_export(context: typer.Context) -> None:
    """Write the web feeds of sources.yaml as OPML to standard output."""
    from watcher.commands.opml import export as command

    command(context.obj)


@sources.command("check")
def sources_check(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Ask each source now, without storing anything; exit 1 when one cannot be read."""
    from watcher.commands.asking import check as command

    command(context.obj, names or [], json=json)


@feeds.command("list")
def feeds_list(context: typer.Context, json: Json = False) -> None:
    """Show each feed and its address; for private ones, who may read them."""
    from watcher.commands.feeds import show as command

    command(context.obj, json=json)


@feeds.command("token")
def feeds_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    label: Annotated[str, typer.Option(metavar="WHO", help="Who is to read it.")] = "",
    json: Json = False,
) -> None:
    """Make one more address for a private feed, for one reader; it is shown this once."""
    from watcher.commands.feeds import token as command

    command(context.obj, name, label, json=json)


@feeds.command("revoke")
def feeds_revoke(
    context: typer.Context, id: Annotated[str, typer.Argument(metavar="ID")], json: Json = False
) -> None:
    """Close the address with this id, as `feeds list` shows it, at once."""
    from watcher.commands.feeds import revoke as command

    command(context.obj, id, json=json)


@deliveries.command("list")
def deliveries_list(
    context: typer.Context,
    endpoint: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="due, delivered, held or failed.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="LENGTH-or-DATE", help="Only what is not older: 2h, 7d.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    json: Json = False,
) -> None:
    """Show the latest deliveries."""
    from watcher.commands.deliveries import show_all as command

    command(context.obj, endpoint, state, since, limit, json=json)


@deliveries.command("show")
def deliveries_show(
    context: typer.Context, id: Annotated[str, typer.Argument(metavar="ID")], json: Json = False
) -> None:
    """Show one delivery: its payload and every attempt."""
    from watcher.commands.deliveries import show as command

    command(context.obj, id, json=json)


@deliveries.command("redeliver")
def deliveries_redeliver(
    context: typer.Context, id: Annotated[str, typer.Argument(metavar="ID")], json: Json = False
) -> None:
    """Send a delivery again now: the same id, the same bytes."""
    from watcher.commands.sending import redeliver as command

    command(context.obj, id, json=json)


@deliveries.command("replay")
def deliveries_replay(
    context: typer.Context,
    since: Annotated[
        str, typer.Option(metavar="LENGTH-or-DATE", help="From when on: 2h, 7d, 2026-11-24.")
    ],
    endpoint: Annotated[str | None, typer.Option(metavar="NAME")] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only those: delivered, held or failed.")
    ] = None,
    json: Json = False,
) -> None:
    """Send all deliveries since then again, the same ids and bytes, within each endpoint's rate."""
    from watcher.commands.sending import replay as command

    command(context.obj, since, endpoint, state, json=json)


@endpoints.command("list")
def endpoints_list(context: typer.Context, json: Json = False) -> None:
    """Show each endpoint and what it is owed."""
    from watcher.commands.endpoints import show as command

    command(context.obj, json=json)


@endpoints.command("test")
def endpoints_test(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")], json: Json = False
) -> None:
    """Send a signed test delivery now; exit 1 when it is not accepted."""
    from watcher.commands.sending import test as command

    command(context.obj, name, json=json)


@endpoints.command("preview")
def endpoints_preview(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    event: Annotated[
        str, typer.Option(help="Which event: match.created, source.failing, digest …")
    ] = "match.created",
    match: Annotated[
        str | None, typer.Option(metavar="ID", help="Of this match; else of the latest.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what an endpoint would get, without sending it."""
    from watcher.commands.preview import preview as command

    command(context.obj, name, event, match, json=json)


@endpoints.command("silence")
def endpoints_silence(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    until: Annotated[str, typer.Option(help="For how long (2h, 3d), or until when.")],
    why: Annotated[str, typer.Option(help="Why, for those who wonder.")],
    rule: Annotated[str, typer.Option(help="Of this rule alone.")] = "",
    json: Json = False,
) -> None:
    """Tell an endpoint nothing for a while, and sum it up at the end; feeds go on."""
    from watcher.commands.silences import silence as command

    command(context.obj, name, until, rule, why, json=json)


@endpoints.command("enable")
def endpoints_enable(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")], json: Json = False
) -> None:
    """Enable a disabled endpoint; what was held for it is due at once."""
    from watcher.commands.endpoints import enable as command

    command(context.obj, name, json=json)


@endpoints.command("rotate-secret")
def endpoints_rotate_secret(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    overlap: Annotated[
        str, typer.Option(metavar="LENGTH", help="How long the old secret signs too.")
    ] = "24h",
    json: Json = False,
) -> None:
    """Put a new secret into the endpoint's file; the old one signs beside it for a while."""
    from watcher.commands.endpoints import rotate_secret as command

    command(context.obj, name, overlap, json=json)


@endpoints.command("new-secret")
def endpoints_new_secret() -> None:
    """Print a new signing secret, to be kept in the environment or in a file."""
    from watcher.commands.endpoints import new_secret as command

    command()


@silences.command("list")
def silences_list(context: typer.Context, json: Json = False) -> None:
    """Show each silence, until when, and what it held back."""
    from watcher.commands.silences import show as command

    command(context.obj, json=json)


@silences.command("end")
def silences_end(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID")],
    json: Json = False,
) -> None:
    """End a silence now; what it held back is summed up at once."""
    from watcher.commands.silences import end as command

    command(context.obj, identity, json=json)


def main() -> None:
    """Run the command line; every error that a person can mend is one clear message."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from watcher.commands.output import refusal

        code = refusal(error)
        if code is None:
            raise
        sys.exit(code)
