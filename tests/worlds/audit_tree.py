"""Snippets and small trees of code, and what the audit finds in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from threadcast.audit.audit import Report, judge
from threadcast.audit.configuration import AuditSettings
from threadcast.audit.findings import Finding
from threadcast.audit.inspection import inspect_text

PLAIN = AuditSettings()


def report_of(files: Mapping[str, str], settings: AuditSettings = PLAIN) -> Report:
    """The report on a tree of texts; paths determine packages."""
    reports = [inspect_text(dedent(text), path, settings) for path, text in files.items()]
    return judge(Path(), reports, settings)


def findings_in(text: str, settings: AuditSettings = PLAIN) -> tuple[Finding, ...]:
    """The findings in one module."""
    return report_of({"app/module.py": text}, settings).findings


def codes_in(text: str, settings: AuditSettings = PLAIN) -> list[str]:
    """The codes of the findings in one module."""
    return [one.code for one in findings_in(text, settings)]


def written(root: Path, files: Mapping[str, str]) -> Path:
    """Write a tree of files."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(dedent(text), encoding="utf-8")
    return root
