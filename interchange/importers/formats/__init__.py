"""
The formats of other people's recordings: one module each, registered as an importer in pyproject.toml.

A recording comes in as an `Entry`; drafts of its runs go out. What a module has is said in `importers.contract`.
"""
