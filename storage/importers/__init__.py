"""Reading what other tools recorded: every format a reader of drafts, and one writer for all of them."""

from footage.storage.importers.formats import FORMATS
from footage.storage.importers.walking import NO_FORMAT, Imported, Report, Skipped, import_paths

__all__ = ["FORMATS", "NO_FORMAT", "Imported", "Report", "Skipped", "import_paths"]
