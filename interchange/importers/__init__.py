"""Reading what other tools recorded: every format a reader of drafts, and one writer for all of them."""

from footage.interchange.importers.walking import NO_FORMAT, Imported, Report, Skipped, import_paths

__all__ = ["NO_FORMAT", "Imported", "Report", "Skipped", "import_paths"]
