"""Acting on a display. Actions come in; key and pointer events go out through XTEST."""
