"""`threadcast audit`: find what lets ids, events and managers drift apart in a code base.

The package `audit` finds; this module selects, compares with the baseline, and reports.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from ..audit.audit import JOBS_MAX, Report, audit
from ..audit.baseline import (
    Trend,
    baseline_of,
    compare,
    read_baseline,
    replace_file,
    write_baseline,
)
from ..audit.configuration import (
    AuditSettings,
    find_configuration,
    read_configuration,
    rule_code,
)
from ..audit.discovery import TooManyFiles, relative
from ..audit.findings import Finding, Severity
from ..audit.fixes import fixes_for, write_fix
from ..audit.formats.data import as_json
from ..audit.formats.github import as_github
from ..audit.formats.sarif import as_sarif
from ..audit.formats.text import as_text
from ..audit.rules import RULES, Rule
from ..audit.shown_paths import findings_from, path_from
from . import exits
from .printing import printable, table, width_columns

_FORMATS: dict[str, Callable[[Report, Sequence[Finding], Trend | None], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
_FINDINGS = 1
_FROM_ROOT = frozenset({"json", "sarif"})  # for programs, which know the root


def _explain(context: click.Context, _parameter: click.Parameter, name: str | None) -> None:
    if name is not None and not context.resilient_parsing:
        click.echo(explained(RULES[_code(name)]))
        context.exit()


def _list(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        rows = [(rule.code, rule.name, rule.severity.value, rule.finds) for rule in RULES.values()]
        click.echo(table([("code", "name", "severity", "finds"), *rows], width_columns()))
        context.exit()


def _code(name: str) -> str:
    try:
        return rule_code(name)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@click.command("audit")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@click.option(
    "--config",
    "config_path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The pyproject.toml to go by.  [default: the nearest one above the first path]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMATS)),
    default="text",
    show_default=True,
    help="How the report is told.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report into a file, not to the screen.",
)
@click.option(
    "--baseline",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Findings that were there already: only others count.",
)
@click.option(
    "--write-baseline",
    is_flag=True,
    help="Make the baseline, or take out of it what is fixed. Nothing is ever added to one.",
)
@click.option("--only", metavar="RULE", multiple=True, help="Only this rule; may be repeated.")
@click.option("--fix", is_flag=True, help="Put right what is certain, then tell the rest.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option(
    "--jobs",
    type=click.IntRange(1, JOBS_MAX),
    metavar="N",
    help=f"Processes, 1 to {JOBS_MAX}.  [default: one for each processor]",
)
@click.option(
    "--list-rules",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list,
    help="Print every rule and exit.",
)
@click.option(
    "--explain", metavar="RULE", is_eager=True, expose_value=False, callback=_explain,
    help="Print what a rule finds, why, and what to do, and exit.",
)  # fmt: skip
def command(
    paths: tuple[Path, ...],
    config_path: Path | None,
    form: str,
    output: Path | None,
    baseline: Path | None,
    write_baseline: bool,
    only: tuple[str, ...],
    fix: bool,
    diff: bool,
    jobs: int | None,
) -> None:
    """Find what lets ids, events and managers drift apart in Python code; exit 1 if there is any.

    The code is parsed, never run. Without a PATH the current folder is audited. Settings are in the
    table tool.threadcast.audit of pyproject.toml.
    """
    starts = [path.resolve() for path in paths or (Path(),)]
    root, settings = _settings(starts[0], config_path, only)
    work = _Audit(root, starts, settings, jobs)
    file = baseline or (root / settings.baseline if settings.baseline else None)
    if write_baseline and file is None:
        raise click.UsageError("--write-baseline needs --baseline FILE, or `baseline` configured")
    if diff:
        work.show_fixes()
    report = work.after_fixes() if fix and not diff else work.report()
    if not report.files:
        raise exits.CommandFailed(
            "no Python file was audited: there is none, or `exclude` (which has folders such as"
            f" .venv and build by default) leaves it out below {work.root}",
            exits.USAGE,
        )
    rules = [code for code in RULES if settings.severity(code) is not Severity.OFF]
    trend = _against(work, report, file, rules, writing=write_baseline)
    shown = report.findings if trend is None else trend.new
    _tell(_FORMATS[form](*_told(work.root, report, shown, form), trend), output)
    if report.fails(shown):
        _fail()


class _Audit:
    """The audited paths and settings; each report reads the files again."""

    def __init__(
        self, root: Path, starts: Sequence[Path], settings: AuditSettings, jobs: int | None
    ) -> None:
        self.root = root
        self.starts = starts
        self._settings = settings
        self._jobs = jobs

    def report(self) -> Report:
        try:
            return audit(self.root, self.starts, self._settings, jobs=self._jobs)
        except TooManyFiles as error:
            raise click.UsageError(str(error)) from None

    def show_fixes(self) -> None:
        """Print what fixing would change, as a patch for the current folder."""
        count = 0
        for one in fixes_for(self.root, self.report().findings):
            shown = one._replace(path=path_from(Path().resolve(), self.root, one.path))
            click.echo(printable(shown.diff(), keep="\n\t"), nl=False)
            count += one.findings
        click.echo(f"{count:,} findings that --fix would put right", err=True)

    def after_fixes(self) -> Report:
        """Fix, and audit again."""
        count = 0
        for one in fixes_for(self.root, self.report().findings):
            write_fix(self.root, one)
            count += one.findings
        click.echo(f"{count:,} findings fixed", err=True)
        return self.report()


def explained(rule: Rule) -> str:
    """The rule's full description, for reading."""
    indented = [text.replace("\n", "\n    ") for text in (rule.bad, rule.good)]
    notes = ["It does not look at tests."] * (not rule.in_tests)
    notes += ["--fix puts right what is certain."] * rule.fixable
    parts = (
        f"{rule.code} {rule.name} ({rule.severity})",
        rule.finds,
        f"Why: {rule.why}",
        f"What to do: {rule.advice}",
        f"Before:\n    {indented[0]}",
        f"After:\n    {indented[1]}",
        " ".join(notes),
    )
    return "\n\n".join(part for part in parts if part)


def _settings(
    start: Path, config_path: Path | None, only: Sequence[str]
) -> tuple[Path, AuditSettings]:
    """Root and settings: from the configuration file, else the current folder and defaults."""
    folder = start if start.is_dir() else start.parent
    found = config_path.resolve() if config_path else find_configuration(folder)
    settings = read_configuration(found) if found else AuditSettings()
    if only:
        wanted = {*map(_code, only), "TC001"}
        off = {code: Severity.OFF for code in RULES if code not in wanted}
        settings = replace(settings, severities={**settings.severities, **off})
    here = Path().resolve()
    return (found.parent if found else here if folder.is_relative_to(here) else folder), settings


def _against(
    work: _Audit, report: Report, file: Path | None, rules: Sequence[str], *, writing: bool
) -> Trend | None:
    """Compare the report with the baseline; write the baseline if asked for."""
    if file is None:
        return None
    under = [relative(start, work.root) for start in work.starts]
    try:
        known = read_baseline(file)
    except FileNotFoundError:
        if not writing:
            hint = "make it with --write-baseline"
            raise exits.CommandFailed(
                f"there is no baseline {file}: {hint}", exits.CONFIGURATION
            ) from None
        known = baseline_of(report.findings)
        write_baseline(file, known)
        return compare(report, known, under, rules)
    trend = compare(report, known, under, rules)
    if writing and trend.fixed:
        write_baseline(file, trend.remaining)
    return trend


def _told(
    root: Path, report: Report, shown: Sequence[Finding], form: str
) -> tuple[Report, tuple[Finding, ...]]:
    """The report with paths relative to its reader: the current folder, or GitHub's workspace."""
    if form in _FROM_ROOT:
        return report, tuple(shown)
    workspace = os.environ.get("GITHUB_WORKSPACE") if form == "github" else None
    folder = Path(workspace or ".").resolve()
    told = findings_from(folder, root, report.findings)
    return replace(report, findings=told), findings_from(folder, root, shown)


def _tell(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(printable(text, keep="\n"))
    else:
        replace_file(output, f"{text}\n".encode())


def _fail() -> NoReturn:
    """Exit with the status for findings, without a further message."""
    raise click.exceptions.Exit(_FINDINGS)
