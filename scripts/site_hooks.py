"""
What the site of `make docs` has besides the pages of docs/ (mkdocs.yml names this file).

The pages at the root of the repository become pages of the site, README the first one. A source file that a page links
to becomes a page as well. Links are turned so that they lead there. In docs/api.md each `<!-- api: NAME … -->` becomes
the reference of these names, made of their docstrings.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
AT_THE_ROOT = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)]*)?\)")
API = re.compile(r"^<!-- api: (.+?) -->$", re.MULTILINE)
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n"
LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "sh", ".mjs": "js", ".yml": "yaml"}


def in_repository(source: str) -> str:
    """Return the path in the repository of what is `source` in the site: `docs/diff.md`, `README.md`."""
    for at_root, in_site in AT_THE_ROOT.items():
        if source == in_site:
            return at_root
    return f"docs/{source}"


def in_site(path: str) -> str | None:
    """Return where a file or folder of the repository stands in the site; None where it has no place."""
    if path in AT_THE_ROOT:
        return AT_THE_ROOT[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if (ROOT / path).is_dir():
        return f"source/{path}/index.md"
    return f"source/{path}.md" if (ROOT / path).is_file() else None


def linked(page: str) -> set[str]:
    """Return the paths in the repository that a page of the repository links to."""
    found = (match[1] for match in LINK.finditer((ROOT / page).read_text("utf-8")))
    paths = {posixpath.normpath(posixpath.join(posixpath.dirname(page), each)) for each in found if "://" not in each}
    return {path for path in paths if (ROOT / path).exists()}


def shown(path: str) -> str:
    """Return a page that shows a source file, or that lists the files of a folder."""
    if (ROOT / path).is_file():
        text = (ROOT / path).read_text("utf-8")
        return f"# {path}\n\n````{LANGUAGES.get(Path(path).suffix, 'text')}\n{text}\n````\n"
    links = [f"- [{inner}]({posixpath.relpath(inner, path)}.md)" for inner in files_of(path)]
    return "\n".join([f"# {path}", "", *links, ""])


def files_of(folder: str) -> list[str]:
    """Return the text files in a folder, what tools leave there aside."""
    inner = (file.relative_to(ROOT) for file in sorted((ROOT / folder).rglob("*")) if file.suffix in LANGUAGES)
    return [path.as_posix() for path in inner if not any(part in {"build", "dist"} for part in path.parts)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the root, and a page for each source that is linked to."""
    for at_root, target in AT_THE_ROOT.items():
        files.append(File.generated(config, target, content=(ROOT / at_root).read_text("utf-8")))
    pages = [*AT_THE_ROOT, *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]
    sources = {path for page in pages for path in linked(page)} - set(pages)
    sources = {path for path in sources if not path.startswith("docs/")}
    sources |= {inner for path in sources if (ROOT / path).is_dir() for inner in files_of(path)}
    for path in sorted(sources):
        target = in_site(path)
        assert target is not None
        files.append(File.generated(config, target, content=UNSEARCHED + shown(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names them
    """Turn links between files of the repository into links between pages of the site; put the reference there."""
    source = page.file.src_uri
    if source.startswith("source/"):
        return markdown
    here = in_repository(source)

    def turned(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), match[1]))
        target = in_site(path) if "://" not in match[1] else None
        if target is None or files.get_file_from_path(target) is None:
            return match[0]
        return f"]({os.path.relpath(target, posixpath.dirname(source) or '.')}{match[2] or ''})"

    markdown = LINK.sub(turned, markdown)
    return API.sub(lambda match: "\n\n".join(f"::: footage.{name}" for name in match[1].split()), markdown)
